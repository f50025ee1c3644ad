import { HexIds } from './hex-ids.ts'

const ids = new HexIds(32)

/** Makes a random id of 32 hexadecimal digits (nginx's $request_id). */
export function makeRequestId(): string {
  return ids.next()
}

/** Whether a client's request id may be forwarded and logged. */
export function isRequestId(text: string): boolean {
  return /^[!-~]{1,128}$/.test(text)
}
