import CLDNS
import FerryCore

/// DNS messages to octets and back, through ldns; no pointer leaves this file.
public enum DNSWire {
}
