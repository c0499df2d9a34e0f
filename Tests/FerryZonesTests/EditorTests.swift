import FerryZones
import Testing

@Suite struct EditorTests {
}
