import { ConnectionError, ErrorCode } from '../error-code.ts'
import { Flag, FrameType } from './frame-type.ts'

/** The bytes of each setting in SETTINGS: its number and its value (RFC 9113 §6.5.1). */
const SETTING_SIZE = 6

/**
 * Checks what a frame's header alone shows (RFC 9113 §6): whether the frame may be on that stream, and whether its payload can have
 * that length. Frames of unknown types have no rules.
 *
 * @throws ConnectionError if the frame breaks a rule
 */
export function checkFrame(type: number, flags: number, streamId: number, length: number): void {
  switch (type) {
    case FrameType.Data:
      if (streamId === 0) throw onStreamZero('DATA')
      if ((flags & Flag.Padded) !== 0 && length === 0) throw ofSize('DATA is too short for what its flags say')
      return
    case FrameType.Headers:
      if (streamId === 0) throw onStreamZero('HEADERS')
      return
    case FrameType.Priority:
      // Its length is for the stream alone to fail by (§6.3).
      if (streamId === 0) throw onStreamZero('PRIORITY')
      return
    case FrameType.RstStream:
      if (streamId === 0) throw onStreamZero('RST_STREAM')
      if (length !== 4) throw ofSize('RST_STREAM does not have 4 bytes')
      return
    case FrameType.Settings:
      if (streamId !== 0) throw onStream('SETTINGS')
      if (length % SETTING_SIZE !== 0 || ((flags & Flag.Ack) !== 0 && length > 0))
        throw ofSize(`SETTINGS has ${length} bytes`)
      return
    case FrameType.PushPromise:
      // This end never allows pushes (§8.4).
      throw new ConnectionError(ErrorCode.ProtocolError, 'PUSH_PROMISE is not allowed here')
    case FrameType.Ping:
      if (streamId !== 0) throw onStream('PING')
      if (length !== 8) throw ofSize('PING does not have 8 bytes')
      return
    case FrameType.GoAway:
      if (streamId !== 0) throw onStream('GOAWAY')
      if (length < 8) throw ofSize('GOAWAY has less than 8 bytes')
      return
    case FrameType.WindowUpdate:
      if (length !== 4) throw ofSize('WINDOW_UPDATE does not have 4 bytes')
      return
  }
}

function onStreamZero(type: string): ConnectionError {
  return new ConnectionError(ErrorCode.ProtocolError, `${type} belongs to a stream, and came on stream 0`)
}

function onStream(type: string): ConnectionError {
  return new ConnectionError(ErrorCode.ProtocolError, `${type} belongs to the connection, and came on a stream`)
}

function ofSize(reason: string): ConnectionError {
  return new ConnectionError(ErrorCode.FrameSizeError, reason)
}
