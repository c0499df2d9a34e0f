import Cutover
import Testing

@Suite struct PlannerTests {
}
