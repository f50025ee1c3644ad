/** What the heads of requests and of responses have in common: which fields are passed on, and how they are copied. */
import type { ConnectionOptions } from '../http1/connection-options.ts'
import { FieldName } from '../http1/field-name.ts'
import type { Head } from '../http1/head.ts'
import type { Scratch } from '../transport/scratch.ts'

export const CRLF = Buffer.from('\r\n')
const CONTENT_LENGTH = Buffer.from('Content-Length: ')
export const CHUNKED_LINE = Buffer.from('Transfer-Encoding: chunked\r\n')
const UPGRADE_LINE = Buffer.from('Connection: upgrade\r\n')

export const hopByHop = [
  FieldName.Connection,
  FieldName.KeepAlive,
  FieldName.ProxyConnection,
  FieldName.Te,
  FieldName.Trailer,
  FieldName.TransferEncoding,
  FieldName.Upgrade,
]

/** A flag for each FieldName: whether such a field ends here, and is not passed on. */
export function ending(...names: number[]): Uint8Array {
  const flags = new Uint8Array(Object.keys(FieldName).length)
  for (const name of names) flags[name] = 1
  return flags
}

/** Copies from offset `from` to the last field, in as few pieces as possible, without the fields that end here. */
export function copyFields(
  out: Scratch,
  head: Head,
  from: number,
  ends: Uint8Array,
  options: ConnectionOptions,
  withoutHost: boolean,
): void {
  let kept = from
  for (let field = 0; field < head.count; field++) {
    const name = head.names[field]!
    const drop = ends[name] === 1 || (withoutHost && name === FieldName.Host) || isNamed(field, options)
    if (!drop) continue
    out.copy(head.bytes, kept, head.nameStart(field))
    kept = head.lineEnd(field)
  }
  out.copy(head.bytes, kept, head.end - CRLF.length)
}

/** Whether Connection names the field. The length is checked first: reading beyond an array's end is slow. */
export function isNamed(field: number, { named }: ConnectionOptions): boolean {
  return named.length > 0 && named[field] === 1
}

/** Passes on the protocols that one side names, in an Upgrade for this hop (RFC 9110 §7.8). */
export function copyUpgrade(out: Scratch, head: Head): void {
  const start = out.length
  out.write(UPGRADE_LINE)
  if (!writeList(out, head, FieldName.Upgrade, 'Upgrade: ')) out.length = start
}

/** Passes on which trailers one side announces (RFC 9110 §6.6.2). */
export function copyTrailer(out: Scratch, head: Head, options: ConnectionOptions): void {
  const field = head.find(FieldName.Trailer)
  if (field >= 0 && !isNamed(field, options)) writeList(out, head, FieldName.Trailer, 'Trailer: ')
}

/** Writes all fields of a name as one; returns whether there was any. */
export function writeList(out: Scratch, head: Head, name: number, label: string): boolean {
  const start = out.length
  out.text(label)
  if (writeMembers(out, head, name)) out.write(CRLF)
  else out.length = start
  return out.length > start
}

/** Writes the values of all fields of a name as one list (RFC 9110 §5.3); returns whether there was any. */
export function writeMembers(out: Scratch, head: Head, name: number): boolean {
  let some = false
  for (let field = 0; field < head.count; field++) {
    if (head.names[field] !== name || head.valueStart(field) === head.valueEnd(field)) continue
    if (some) out.text(', ')
    out.copy(head.bytes, head.valueStart(field), head.valueEnd(field))
    some = true
  }
  return some
}

export function writeContentLength(out: Scratch, length: number): void {
  out.write(CONTENT_LENGTH)
  out.number(length)
  out.write(CRLF)
}

export function writeLine(out: Scratch, name: string, bytes: Buffer, from: number, to: number): void {
  out.text(name)
  out.copy(bytes, from, to)
  out.write(CRLF)
}
