import FerryDNS
import Testing

@Suite struct DNSWireTests {
}
