import CCurl
import FerryCore
import Foundation

/// What libcurl waits for: its sockets and its timer, on epoll, and a bell that other threads ring.
///
/// libcurl's own `curl_multi_poll` asks the kernel about every connection for every event: twelve system calls
/// an exchange at 64 in flight, where this takes three.
final class SocketLoop: @unchecked Sendable {
  private let epoll: Int32
  private let bell: Int32
  /// Milliseconds of the monotonic clock at which libcurl wants to be called; nil for never.
  private var timerAt: Int?

  init() {
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    bell = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    precondition(epoll >= 0 && bell >= 0, "the system gives no file descriptors")
    watch(bell, UInt32(EPOLLIN.rawValue))
  }
  deinit {
    close(bell)
    close(epoll)
  }

  /// From any thread: ends the wait.
  func ring() {
    var one: UInt64 = 1
    _ = write(bell, &one, MemoryLayout<UInt64>.size)
  }

  // The rest is for the thread that owns the multi handle.

  func attach(to multi: UnsafeMutableRawPointer) {
    let context = Unmanaged.passUnretained(self).toOpaque()
    _ = cc_mset_ptr(multi, CURLMOPT_SOCKETDATA, context)
    _ = cc_mset_socket(multi, socketChanged)
    _ = cc_mset_ptr(multi, CURLMOPT_TIMERDATA, context)
    _ = cc_mset_timer(multi, timerChanged)
  }

  /// Waits for a socket, the timer or the bell, and lets libcurl work on what is ready.
  func wait(_ multi: UnsafeMutableRawPointer) {
    var events = [epoll_event](repeating: epoll_event(), count: 64)
    let span = timerAt.map { max(0, $0 - Self.now()) } ?? 1000
    let count = epoll_wait(epoll, &events, Int32(events.count), Int32(min(span, 1000)))
    var running: Int32 = 0
    for event in events.prefix(Int(max(0, count))) {
      let descriptor = event.data.fd
      if descriptor == bell {
        var rung: UInt64 = 0
        _ = read(bell, &rung, MemoryLayout<UInt64>.size)
        continue
      }
      var mask: Int32 = 0
      if event.events & UInt32(EPOLLIN.rawValue) != 0 { mask |= CURL_CSELECT_IN }
      if event.events & UInt32(EPOLLOUT.rawValue) != 0 { mask |= CURL_CSELECT_OUT }
      if event.events & UInt32(EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 {
        mask |= CURL_CSELECT_ERR
      }
      curl_multi_socket_action(multi, descriptor, mask, &running)
    }
    fire(multi)
  }
  /// Lets libcurl work when its timer is due, as it is for a fresh exchange.
  func fire(_ multi: UnsafeMutableRawPointer) {
    guard let at = timerAt, at <= Self.now() else { return }
    timerAt = nil
    var running: Int32 = 0
    curl_multi_socket_action(multi, CURL_SOCKET_BAD, 0, &running)
  }

  fileprivate func set(_ what: Int32, of descriptor: Int32) {
    if what == CURL_POLL_REMOVE {
      epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
      return
    }
    var events: UInt32 = 0
    if what == CURL_POLL_IN || what == CURL_POLL_INOUT { events |= UInt32(EPOLLIN.rawValue) }
    if what == CURL_POLL_OUT || what == CURL_POLL_INOUT { events |= UInt32(EPOLLOUT.rawValue) }
    watch(descriptor, events)
  }
  fileprivate func setTimer(_ milliseconds: Int) {
    timerAt = milliseconds < 0 ? nil : Self.now() + milliseconds
  }
  private func watch(_ descriptor: Int32, _ events: UInt32) {
    var event = epoll_event()
    event.events = events
    event.data.fd = descriptor
    if epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0, errno == EEXIST {
      epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event)
    }
  }
  private static func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
  }
}

private let socketChanged: cc_socket_callback = { _, descriptor, what, context, _ in
  guard let context else { return 0 }
  Unmanaged<SocketLoop>.fromOpaque(context).takeUnretainedValue().set(what, of: descriptor)
  return 0
}
private let timerChanged: cc_timer_callback = { _, milliseconds, context in
  guard let context else { return 0 }
  Unmanaged<SocketLoop>.fromOpaque(context).takeUnretainedValue().setTimer(milliseconds)
  return 0
}
