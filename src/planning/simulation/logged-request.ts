import { type AccessLogField, accessLogFields } from '../../runtime/access-log-field.ts'
import { parseIpAddress } from '../../runtime/ip-address.ts'

/** A request as an access log has it. Texts have one character for each byte (Latin-1). */
export interface LoggedRequest {
  /** In ms since 1970. */
  readonly time: number
  /** How exact `time` is, in ms. */
  readonly resolution: number
  readonly client: string
  /** Empty if the log does not have it. */
  readonly host: string
  readonly method: string
  readonly target: string
  readonly userAgent: string
  /** How long it took, in ms; undefined if the log does not have it. */
  readonly duration: number | undefined
  /** The log says that it came by TLS. */
  readonly isSecure?: true
}

/** A line in JSON without a field that is needed to send the request again: `accessLog.fields` leaves it out. */
export interface LeftOut {
  readonly leftOut: AccessLogField
}

/**
 * `combined` and `vhost` as Limpet, nginx and Apache write them, with or without what Limpet adds at the end, and without
 * referer and user agent (`common`).
 */
const LINE =
  /^(?<first>\S+) (?<second>\S+) \S+ (?<more>[^[]+ )?\[(?<time>[^\]]+)\] "(?<request>(?:[^"\\]|\\.)*)" \d{3} (?:\d+|-)(?: "(?:[^"\\]|\\.)*" "(?<agent>(?:[^"\\]|\\.)*)")?(?<rest>.*)$/
const REQUEST = /^(?<method>\S+) (?<target>\S+)(?: HTTP\/\d(?:\.\d)?)?$/
const SECONDS = / (?<seconds>\d+\.\d{3})(?: \S+)?$/
const TIME = /^(\d\d)\/(\w{3})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/**
 * Reads a line of an access log.
 *
 * @returns `no-request` for a line about something that was no request; undefined if it is no line of an access log
 */
export function parseLine(line: string): LoggedRequest | LeftOut | 'no-request' | undefined {
  return line.startsWith('{') ? parseJson(line) : parseText(line)
}

function parseText(line: string): LoggedRequest | 'no-request' | undefined {
  const parts = LINE.exec(line)?.groups
  const time = parts && timeOf(parts.time!)
  if (parts === undefined || time === undefined) return undefined
  const request = REQUEST.exec(parts.request!)?.groups
  if (request === undefined) return 'no-request'
  const { first, second, more } = parts
  // A user name may have spaces, but only behind a host there is an address.
  const hasHost = more !== undefined && (second === 'unix:' || parseIpAddress(second!) !== undefined)
  const seconds = SECONDS.exec(parts.rest!)?.groups?.seconds
  return {
    time,
    resolution: 1000,
    client: hasHost ? second! : first!,
    host: hasHost ? unescaped(first!) : '',
    method: unescaped(request.method!),
    target: unescaped(request.target!),
    userAgent: unescaped(parts.agent ?? ''),
    duration: seconds === undefined ? undefined : Number(seconds) * 1000,
  }
}

let lastText = ''
let lastTime: number | undefined

/** Most lines have the time of the line before. */
function timeOf(text: string): number | undefined {
  if (text === lastText) return lastTime
  const [, day, month, year, hour, minute, second, sign, hours, minutes] = TIME.exec(text) ?? []
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -60_000 : 60_000)
  const index = MONTHS.indexOf(month!)
  const local = Date.UTC(Number(year), index, Number(day), Number(hour), Number(minute), Number(second))
  lastText = text
  lastTime = index < 0 || Number.isNaN(local) ? undefined : local - offset
  return lastTime
}

/** nginx's `\xHH` and Apache's `\"`; a dash stands for nothing. */
function unescaped(text: string): string {
  if (text === '-') return ''
  if (!text.includes('\\')) return text
  return text.replace(/\\(?:x([0-9A-Fa-f]{2})|(.))/g, (_, digits, character) =>
    digits === undefined ? character : String.fromCharCode(Number.parseInt(digits, 16)),
  )
}

function parseJson(line: string): LoggedRequest | LeftOut | 'no-request' | undefined {
  let entry: Record<string, unknown>
  try {
    entry = JSON.parse(Buffer.from(line, 'latin1').toString())
  } catch {
    return undefined
  }
  const { client, method, path, query, host = '', userAgent = '', seconds, tlsVersion } = entry
  const leftOut = leftOutOf(entry)
  if (leftOut !== undefined) return { leftOut }
  const time = Date.parse(String(entry.time))
  if (Number.isNaN(time) || typeof client !== 'string') return undefined
  if (method === undefined) return 'no-request'
  if (typeof method !== 'string' || typeof path !== 'string' || typeof host !== 'string') return undefined
  return {
    time,
    resolution: 1,
    client,
    host,
    method,
    target: typeof query === 'string' && query !== '' ? `${path}?${query}` : path,
    userAgent: String(userAgent),
    duration: typeof seconds === 'number' ? seconds * 1000 : undefined,
    ...(typeof tlsVersion === 'string' && { isSecure: true }),
  }
}

/** A needed field that a line of Limpet's does not have, and would have if the operator had not left it out. */
function leftOutOf(entry: Readonly<Record<string, unknown>>): AccessLogField | undefined {
  const has = (field: AccessLogField) => Object.hasOwn(entry, field)
  if (!accessLogFields.some(has)) return undefined
  if (!has('time')) return 'time'
  // Other programs write JSON, too.
  if (!/^\d{4}-\d\d-\d\dT/.test(String(entry.time))) return undefined
  if (!has('client')) return 'client'
  if (has('method')) return has('path') ? undefined : 'path'
  // What was no request has neither a method nor a path, and never a protocol.
  const isRequest = has('path') || has('protocol') || !has('request') || / HTTP\/\d\.\d$/.test(String(entry.request))
  return isRequest ? 'method' : undefined
}
