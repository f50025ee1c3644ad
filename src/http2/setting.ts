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
