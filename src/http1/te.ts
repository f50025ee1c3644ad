import { BACKSLASH, COMMA, equalsIgnoringCase, isBlank, QUOTE } from './bytes.ts'
import type { Head } from './head.ts'

const TRAILERS = Buffer.from('trailers')

/** Whether that TE field lists `trailers` (RFC 9110 §10.1.4): the client can use fields that follow a response's body. */
export function listsTrailers(head: Head, field: number): boolean {
  const { bytes } = head
  const to = head.valueEnd(field)
  let from = head.valueStart(field)
  let isQuoted = false
  for (let at = from; at < to; at++) {
    if (bytes[at] === QUOTE) isQuoted = !isQuoted
    else if (bytes[at] === BACKSLASH && isQuoted) at++
    else if (bytes[at] === COMMA && !isQuoted) {
      if (isTrailers(bytes, from, at)) return true
      from = at + 1
    }
  }
  return isTrailers(bytes, from, to)
}

function isTrailers(bytes: Uint8Array, from: number, to: number): boolean {
  let start = from
  let end = to
  while (start < end && isBlank(bytes[start]!)) start++
  while (end > start && isBlank(bytes[end - 1]!)) end--
  return equalsIgnoringCase(bytes, start, end, TRAILERS)
}
