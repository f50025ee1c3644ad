import { COMMA, EQUALS, HEX, HYPHEN, isBlank, isDigit, SPACE, ZERO } from '../http1/bytes.ts'
import { FieldName } from '../http1/field-name.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { Scratch } from '../transport/scratch.ts'

/**
 * W3C Trace Context, level 2 (https://www.w3.org/TR/trace-context-2/). Ids are lower-case hexadecimal digits: 32 for a trace, 16
 * for what takes part in it.
 */

/** The trace flags that mean something: the trace is recorded; the end of its id is random. All others are sent as 0. */
export const SAMPLED = 1
export const RANDOM = 2

/** What is passed on of a trace. */
export interface TracePosition {
  readonly traceId: string
  readonly flags: number
  /** The list of tracestate; empty for none. */
  readonly state: string
}

/** What a request says of the trace that it is part of. */
export interface TraceContext extends TracePosition {
  /** What the client does, of which the request is a part. */
  readonly parentId: string
}

/** `00-(trace id)-(parent id)-(flags)`: where its parts begin, and its length. */
const TRACE_ID = 3
const PARENT_ID = 36
const FLAGS = 53
const LENGTH = 55

/** The longest list of tracestate, and the longest key or value in it. */
const MAX_MEMBERS = 32
const MAX_MEMBER_PART = 256

/** The trace that a request names; undefined if it names none, or not in the right form. */
export function traceContextOf(head: RequestHead): TraceContext | undefined {
  const field = head.find(FieldName.Traceparent)
  if (field < 0 || head.findLast(FieldName.Traceparent) !== field) return undefined
  const { bytes } = head
  const start = head.valueStart(field)
  if (!isTraceparent(bytes, start, head.valueEnd(field))) return undefined
  return {
    traceId: bytes.toString('latin1', start + TRACE_ID, start + PARENT_ID - 1),
    parentId: bytes.toString('latin1', start + PARENT_ID, start + FLAGS - 1),
    flags: HEX[bytes[start + FLAGS + 1]!]! & (SAMPLED | RANDOM),
    state: traceStateOf(head),
  }
}

/** Tells a server which trace its request is part of, and that `spanId` is its parent. */
export function writeTraceContext(out: Scratch, { traceId, flags, state }: TracePosition, spanId: string): void {
  out.text(`traceparent: 00-${traceId}-${spanId}-0${flags}\r\n`)
  if (state !== '') out.text(`tracestate: ${state}\r\n`)
}

/** Whether `bytes[from, to)` is a traceparent. Versions that are not known yet may add to what 00 has. */
function isTraceparent(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < LENGTH || !isHex(bytes, from, 2)) return false
  const isFirstVersion = bytes[from] === ZERO && bytes[from + 1] === ZERO
  if (to - from > LENGTH && (isFirstVersion || bytes[from + LENGTH] !== HYPHEN)) return false
  if (bytes[from] === LETTER_F && bytes[from + 1] === LETTER_F) return false
  return (
    bytes[from + TRACE_ID - 1] === HYPHEN &&
    isId(bytes, from + TRACE_ID, 32) &&
    bytes[from + PARENT_ID - 1] === HYPHEN &&
    isId(bytes, from + PARENT_ID, 16) &&
    bytes[from + FLAGS - 1] === HYPHEN &&
    isHex(bytes, from + FLAGS, 2)
  )
}

const LETTER_A = 0x61
const LETTER_F = 0x66
const LETTER_Z = 0x7a

function isHex(bytes: Uint8Array, from: number, length: number): boolean {
  for (let at = from; at < from + length; at++) {
    const byte = bytes[at]!
    if (!isDigit(byte) && (byte < LETTER_A || byte > LETTER_F)) return false
  }
  return true
}

/** An id of zeros alone is none. */
function isId(bytes: Uint8Array, from: number, length: number): boolean {
  if (!isHex(bytes, from, length)) return false
  for (let at = from; at < from + length; at++) if (bytes[at] !== ZERO) return true
  return false
}

/** All tracestate fields as one list; empty if there is none, or if one of them does not have the right form. */
function traceStateOf(head: RequestHead): string {
  let state = ''
  let members = 0
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== FieldName.Tracestate) continue
    const found = membersIn(head.bytes, head.valueStart(field), head.valueEnd(field))
    if (found < 0) return ''
    if (found === 0) continue
    members += found
    if (members > MAX_MEMBERS) return ''
    state = state === '' ? head.value(field) : `${state},${head.value(field)}`
  }
  return state
}

/** The number of members in the list `bytes[start, to)`, without empty ones; -1 if it is not one. */
function membersIn(bytes: Uint8Array, start: number, to: number): number {
  let members = 0
  let from = start
  while (from <= to) {
    let end = from
    while (end < to && bytes[end] !== COMMA) end++
    const next = end + 1
    while (from < end && isBlank(bytes[from]!)) from++
    while (end > from && isBlank(bytes[end - 1]!)) end--
    if (end > from) {
      if (!isMember(bytes, from, end)) return -1
      members++
    }
    from = next
  }
  return members
}

/** `key=value`. */
function isMember(bytes: Uint8Array, from: number, to: number): boolean {
  let equals = from
  while (equals < to && KEY[bytes[equals]!] === 1) equals++
  if (equals === from || equals - from > MAX_MEMBER_PART || bytes[equals] !== EQUALS) return false
  const first = bytes[from]!
  if (!isDigit(first) && (first < LETTER_A || first > LETTER_Z)) return false
  const value = equals + 1
  if (value >= to || to - value > MAX_MEMBER_PART) return false
  for (let at = value; at < to; at++) if (VALUE[bytes[at]!] !== 1) return false
  return true
}

/** The bytes of a key. Level 1 allows `@` in one place only; level 2 anywhere but at the start. */
const KEY = Uint8Array.from({ length: 256 }, (_, byte) => (/[a-z0-9_\-*/@]/.test(String.fromCharCode(byte)) ? 1 : 0))

/** The bytes of a value: visible ASCII and spaces, without the comma and the equals sign. */
const VALUE = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= SPACE && byte < 0x7f && byte !== COMMA && byte !== EQUALS ? 1 : 0,
)
