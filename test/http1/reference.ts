/** Slow and simple reference readers for comparison with the fast ones. Text has one byte per character. */
import type { Sender } from '../../src/http1/chunked-body.ts'

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.source
const VALUE = /[\t\x20-\x7e\x80-\xff]/.source

const SIZE = '([0-9A-Fa-f]{1,13})'
const BWS = '[ \t]*'
const QUOTED = `"(?:(?!["\\\\])${VALUE}|\\\\${VALUE})*"`
/** RFC 9112 §7.1.1, except for white space before the first semicolon. */
const EXTENSION = `;${BWS}${TOKEN}+(?:${BWS}=${BWS}(?:${TOKEN}+|${QUOTED}))?`
const sizeLines: Readonly<Record<Sender, RegExp>> = {
  client: new RegExp(`^${SIZE}(?:${EXTENSION}(?:${BWS}${EXTENSION})*)?\r\n`),
  server: new RegExp(`^${SIZE}${BWS}(?:;${VALUE}*)?\r\n`),
}
/** Every valid prefix of a size line becomes a complete line with one of these endings. */
const ENDINGS = ['1\r\n', '\r\n', '\n', 'a\r\n', '=a\r\n', ';a\r\n', '"\r\n', 'a"\r\n']
const FIELD_LINE = new RegExp(`^(${TOKEN}+):[\t ]*(${VALUE}*?)[\t ]*\r$`)

export type Decoded = { readonly data: string; readonly end: number } | 'unfinished' | 'refused'

/** A chunked body by RFC 9112 §7.1, without limits to extensions and trailers. */
export function decodeChunks(text: string, sender: Sender = 'client'): Decoded {
  const sizeLine = sizeLines[sender]
  let data = ''
  for (let at = 0; ; ) {
    const rest = text.slice(at)
    const line = sizeLine.exec(rest)
    if (line === null) return ENDINGS.some((ending) => isWhole(sizeLine, rest + ending)) ? 'unfinished' : 'refused'
    const size = Number.parseInt(line[1]!, 16)
    at += line[0].length
    if (size === 0) return afterLastChunk(text, at, data)
    if (text.length < at + size) return 'unfinished'
    data += text.slice(at, at + size)
    at += size
    if (!text.startsWith('\r\n', at)) return '\r\n'.startsWith(text.slice(at)) ? 'unfinished' : 'refused'
    at += 2
  }
}

function isWhole(line: RegExp, text: string): boolean {
  return line.exec(text)?.[0].length === text.length
}

function afterLastChunk(text: string, from: number, data: string): Decoded {
  const isEmpty = text[from] === '\r'
  for (let at = from; ; ) {
    const lineFeed = text.indexOf('\n', at)
    const line = text.slice(at, lineFeed < 0 ? text.length : lineFeed)
    // Without trailers, only two bytes may follow. Each is checked as it arrives.
    if (isEmpty && line.length > 1) return 'refused'
    if (lineFeed < 0) return 'unfinished'
    at = lineFeed + 1
    if (line === '\r') return { data, end: at }
    if (!FIELD_LINE.test(line)) return 'refused'
  }
}

/** The parts of a request's head by the grammar of RFC 9112; undefined if it is not valid. */
export function parseHead(text: string) {
  const head = new RegExp(
    `^(?:\r\n)?((${TOKEN}+) ([!-"$-~]+) HTTP/1\\.([01])\r\n((?:${TOKEN}+:${VALUE}*\r\n)*)\r\n)`,
  ).exec(text)
  if (head === null) return undefined
  const [whole, , method = '', target = '', minor = '', lines = ''] = head
  const fields = lines
    .split('\n')
    .slice(0, -1)
    .map((line) => FIELD_LINE.exec(line)!)
    .map(([, name = '', value = '']) => [name, value] as const)
  return { method, target, minorVersion: Number(minor), fields, end: whole.length }
}

interface Request {
  readonly method: string
  readonly target: string
  readonly body: string
}

/** The complete requests at the start of a text, up to the first invalid or incomplete one. */
export function parseRequests(text: string): Request[] {
  const requests: Request[] = []
  for (let at = 0; at < text.length; ) {
    const head = parseHead(text.slice(at))
    if (head === undefined) return requests
    at += head.end
    const body = bodyAfter(head, text.slice(at))
    if (body === undefined) return requests
    requests.push({ method: head.method, target: head.target, body: body.data })
    at += body.end
  }
  return requests
}

/** The body length by RFC 9112 §6.3. An ambiguous request has no body. */
function bodyAfter(head: NonNullable<ReturnType<typeof parseHead>>, rest: string) {
  const valuesOf = (name: string) =>
    head.fields.filter(([field]) => field.toLowerCase() === name).map(([, value]) => value)
  const hosts = valuesOf('host').length
  if (hosts > 1 || (hosts === 0 && head.minorVersion === 1)) return undefined
  const codings = valuesOf('transfer-encoding')
  const lengths = valuesOf('content-length')
    .join(',')
    .split(',')
    .map((length) => length.replace(/^[ \t]+|[ \t]+$/g, ''))
  if (codings.length > 0) {
    const alone = codings.length === 1 && valuesOf('content-length').length === 0 && head.minorVersion === 1
    if (!alone || codings[0]!.toLowerCase() !== 'chunked') return undefined
    const body = decodeChunks(rest)
    return typeof body === 'string' ? undefined : body
  }
  if (valuesOf('content-length').length === 0) return { data: '', end: 0 }
  if (!lengths.every((length) => /^\d{1,16}$/.test(length) && Number(length) === Number(lengths[0]))) return undefined
  const end = Number(lengths[0])
  return end > rest.length ? undefined : { data: rest.slice(0, end), end }
}
