import { randomFillSync } from 'node:crypto'

const FINAL_CLOSE = 0x88
const MASKED = 0x80
const MASK_SIZE = 4

/** The status code for a server that restarts: clients should connect again (RFC 6455 §7.4, IANA's registry). */
const SERVICE_RESTART = 1012

/** What a Close frame says that Limpet sends (RFC 6455 §5.5.1): a status code, and a reason in UTF-8. */
const payload = Buffer.from('\0\0service restart')
payload.writeUInt16BE(SERVICE_RESTART)

/** The Close frame for a client, to be read only. */
export const closeFrameToClient: Buffer = Buffer.from([FINAL_CLOSE, payload.length, ...payload])

/** A Close frame for a server, which gets all frames masked, each under a random key of its own (RFC 6455 §5.3). */
export function closeFrameToServer(): Buffer {
  const frame = Buffer.from([FINAL_CLOSE, MASKED | payload.length, 0, 0, 0, 0, ...payload])
  const key = randomFillSync(frame.subarray(2, 2 + MASK_SIZE))
  const masked = frame.subarray(2 + MASK_SIZE)
  for (let at = 0; at < masked.length; at++) masked[at]! ^= key[at % MASK_SIZE]!
  return frame
}
