import { ConnectionError, ErrorCode } from '../error-code.ts'
import type { Role } from './frame-sink.ts'

/** The settings that a peer can send (RFC 9113 §6.5.2, RFC 8441 §3). */
export const Setting = {
  HeaderTableSize: 0x1,
  EnablePush: 0x2,
  MaxConcurrentStreams: 0x3,
  InitialWindowSize: 0x4,
  MaxFrameSize: 0x5,
  MaxHeaderListSize: 0x6,
  EnableConnectProtocol: 0x8,
} as const

/** The largest flow-control window (RFC 9113 §6.9.1). */
export const MAX_WINDOW = 2 ** 31 - 1
/** Until its peer says otherwise, each end has these (RFC 9113 §6.5.2, §6.9.2). */
export const DEFAULT_WINDOW = 65_535
export const DEFAULT_FRAME_SIZE = 16_384
export const DEFAULT_TABLE_SIZE = 4096
export const LARGEST_FRAME_SIZE = 2 ** 24 - 1

/**
 * Settings that are not known are ignored (RFC 9113 §6.5.2).
 *
 * @param role this end's
 * @throws ConnectionError if a peer may not choose that value
 */
export function checkSetting(id: number, value: number, role: Role): void {
  switch (id) {
    case Setting.EnablePush:
      // Only a client may allow pushes.
      if (value > (role === 'server' ? 1 : 0)) throw outOfRange('ENABLE_PUSH', value)
      break
    case Setting.InitialWindowSize:
      if (value > MAX_WINDOW) throw outOfRange('INITIAL_WINDOW_SIZE', value, ErrorCode.FlowControlError)
      break
    case Setting.MaxFrameSize:
      if (value < DEFAULT_FRAME_SIZE || value > LARGEST_FRAME_SIZE) throw outOfRange('MAX_FRAME_SIZE', value)
      break
    case Setting.EnableConnectProtocol:
      if (value > 1) throw outOfRange('ENABLE_CONNECT_PROTOCOL', value)
      break
  }
}

function outOfRange(setting: string, value: number, code: ErrorCode = ErrorCode.ProtocolError): ConnectionError {
  return new ConnectionError(code, `SETTINGS_${setting} may not be ${value}`)
}
