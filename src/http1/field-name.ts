import { HYPHEN, lower, UNDERSCORE } from './bytes.ts'

/** The field names that the proxy must know; all other fields are passed on unread. */
export const FieldName = {
  Other: 0,
  /** A known name with underscores for hyphens: servers that turn names into variables cannot tell the two apart. */
  Imitation: 22,
  Accept: 1,
  Connection: 2,
  ContentLength: 3,
  Cookie: 4,
  Date: 5,
  Expect: 6,
  Forwarded: 7,
  Host: 8,
  KeepAlive: 9,
  ProxyConnection: 10,
  Referer: 11,
  SetCookie: 12,
  Te: 13,
  Trailer: 14,
  TransferEncoding: 15,
  Upgrade: 16,
  UserAgent: 17,
  XForwardedFor: 18,
  XForwardedHost: 19,
  XForwardedProto: 20,
  XRequestId: 21,
  XForwardedPort: 23,
  /** Other fields in which proxies describe their clients: X-Real-IP, and every name that begins with X-Forwarded. */
  XForwardedOther: 24,
  StrictTransportSecurity: 25,
  /** The fields in which this proxy describes the certificate of a client: every name that begins with X-Client-Cert. */
  XClientCert: 26,
  Traceparent: 27,
  Tracestate: 28,
} as const

const spellings: Readonly<Record<string, number>> = {
  accept: FieldName.Accept,
  connection: FieldName.Connection,
  'content-length': FieldName.ContentLength,
  cookie: FieldName.Cookie,
  date: FieldName.Date,
  expect: FieldName.Expect,
  forwarded: FieldName.Forwarded,
  host: FieldName.Host,
  'keep-alive': FieldName.KeepAlive,
  'proxy-connection': FieldName.ProxyConnection,
  referer: FieldName.Referer,
  'set-cookie': FieldName.SetCookie,
  'strict-transport-security': FieldName.StrictTransportSecurity,
  te: FieldName.Te,
  traceparent: FieldName.Traceparent,
  tracestate: FieldName.Tracestate,
  trailer: FieldName.Trailer,
  'transfer-encoding': FieldName.TransferEncoding,
  upgrade: FieldName.Upgrade,
  'user-agent': FieldName.UserAgent,
  'x-forwarded-for': FieldName.XForwardedFor,
  'x-forwarded-host': FieldName.XForwardedHost,
  'x-forwarded-proto': FieldName.XForwardedProto,
  'x-forwarded-port': FieldName.XForwardedPort,
  'x-real-ip': FieldName.XForwardedOther,
  'x-request-id': FieldName.XRequestId,
}

const longest = Math.max(...Object.keys(spellings).map((name) => name.length))

/** Known names by their length, so that one look is enough for most fields. */
const byLength = Array.from({ length: longest + 1 }, (_, length) =>
  Object.entries(spellings)
    .filter(([name]) => name.length === length)
    .map(([name, id]) => ({ id, letters: Buffer.from(name) })),
)

/** What names begin with that are no safer for being unknown today. */
const families = [
  { id: FieldName.XForwardedOther, letters: Buffer.from('x-forwarded') },
  { id: FieldName.XClientCert, letters: Buffer.from('x-client-cert') },
]
const X = families[0]!.letters[0]

const Likeness = { None: 0, Same: 1, Imitation: 2 } as const

/** The known name in `bytes[from, to)`, or `FieldName.Other`. */
export function fieldNameOf(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from
  const first = lower(bytes[from]!)
  if (length <= longest) {
    const candidates = byLength[length]!
    for (let c = 0; c < candidates.length; c++) {
      const { id, letters } = candidates[c]!
      if (letters[0] !== first) continue
      const likeness = likenessTo(letters, bytes, from)
      if (likeness !== Likeness.None) return likeness === Likeness.Same ? id : FieldName.Imitation
    }
  }
  return first === X ? familyOf(bytes, from, to) : FieldName.Other
}

/** The family of a name, or `FieldName.Other`. */
function familyOf(bytes: Uint8Array, from: number, to: number): number {
  for (let f = 0; f < families.length; f++) {
    const { id, letters } = families[f]!
    const end = from + letters.length
    if (end > to || (end < to && bytes[end] !== HYPHEN && bytes[end] !== UNDERSCORE)) continue
    const likeness = likenessTo(letters, bytes, from)
    if (likeness === Likeness.None) continue
    if (likeness === Likeness.Imitation) return FieldName.Imitation
    for (let at = end; at < to; at++) {
      if (bytes[at] === UNDERSCORE) return FieldName.Imitation
    }
    return id
  }
  return FieldName.Other
}

/** Whether the name in `letters` is at `from`, ignoring case, or would be with hyphens for underscores. */
function likenessTo(letters: Uint8Array, bytes: Uint8Array, from: number): number {
  let likeness: number = Likeness.Same
  for (let i = 0; i < letters.length; i++) {
    const byte = bytes[from + i]!
    if (lower(byte) === letters[i]) continue
    if (byte !== UNDERSCORE || letters[i] !== HYPHEN) return Likeness.None
    likeness = Likeness.Imitation
  }
  return likeness
}
