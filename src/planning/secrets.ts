import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { RequestView } from '../exchange/request-view.ts'
import { unescaped } from '../http1/query.ts'
import { claimText } from '../runtime/claim-text.ts'
import { isCredential } from '../runtime/credential-header.ts'
import type { FilterSettings, LimitPart, TokenPlace } from '../runtime/filter-settings.ts'
import { type NamedPart, type SegmentParameter, valueIn } from '../runtime/named-part.ts'
import type { Affinity, Balance, Route, Snapshot } from '../runtime/snapshot.ts'

const MASK = '***'
/** Shorter values are masked only where nothing else of a word is around them. */
const SHORT = 4
/** How many cookies or parameters of a name are looked at. */
const MOST = 4
/** The parameter of Engine.IO with the id of a session. */
const SOCKET_IO: NamedPart = { from: 'query', name: 'sid' }

/**
 * What of a request no explanation shows: its cookies and credentials, what sessions and limits know it by, and what the
 * access log redacts.
 */
export class Secrets {
  readonly #values: ReadonlySet<string>

  constructor({ accessLog, upstreams }: Snapshot, { log, filters = [] }: Route, view: RequestView) {
    const ties = upstreams.flatMap(({ balance, affinity }) =>
      affinity === undefined ? [balance] : [balance, affinity],
    )
    const redacted = [...accessLog.redact, ...(log?.redact ?? [])].map((name) => name.toLowerCase())
    const hidden = log?.redactHeaders.map((name) => name.toLowerCase()) ?? []
    const parts = [...ties.flatMap(partsOf), ...filters.flatMap(partsOfFilter)]
    const found = [
      ...fieldsOf(view).flatMap(([name, value]) => {
        if (name === 'cookie') return value.split(';').map((pair) => pair.slice(pair.indexOf('=') + 1).trim())
        return isCredential(name) || hidden.includes(name) ? credentialsIn(value) : []
      }),
      ...parametersOf(view.uri).flatMap(([name, value]) => (redacted.includes(name.toLowerCase()) ? [value] : [])),
      ...parts.flatMap((part) => valuesOf(part, view)),
      ...ties.map((tie) => ('key' in tie && tie.key.from === 'segment' ? textOf(view.key(tie)) : '')),
    ]
    this.#values = new Set(found.flatMap((text) => [text, unescaped(text), encodeURIComponent(text)]).filter(isSome))
  }

  /** A text without them. */
  masked(text: string): string {
    let masked = text
    for (const value of this.#values) if (masked.includes(value)) masked = masked.replaceAll(within(value), MASK)
    return masked
  }

  /**
   * The value of a field that a filter has put there, as far as it may be shown.
   *
   * @param request that knows what filters have verified
   */
  shown(name: string, value: string, { user = '', claims = {} }: FilteredRequest): string {
    const key = name.toLowerCase()
    if (key === 'set-cookie') return `${value.slice(0, value.indexOf('='))}=${MASK}`
    if (isCredential(key)) return MASK
    const known = [user, ...Object.values(claims).map((claim) => claimText(claim) ?? '')]
    return known.filter(isSome).some((each) => within(each).test(value)) ? MASK : asText(this.masked(value))
  }
}

/** Of a text of one character a byte. */
function asText(text: string): string {
  return Buffer.from(text, 'latin1').toString()
}

function within(value: string): RegExp {
  const escaped = value.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
  return new RegExp(value.length < SHORT ? `(?<!\\w)${escaped}(?!\\w)` : escaped, 'g')
}

function fieldsOf({ head }: RequestView): [name: string, value: string][] {
  return Array.from({ length: head.count }, (_, field) => [
    head.bytes.toString('latin1', head.nameStart(field), head.nameEnd(field)).toLowerCase(),
    head.value(field),
  ])
}

/** The value of a credential header, without its scheme, and of a user and a password (RFC 7617) both. */
function credentialsIn(value: string): string[] {
  const [scheme = '', token = ''] = value.split(/ +/, 2)
  const pair = scheme.toLowerCase() === 'basic' ? Buffer.from(token, 'base64').toString('latin1') : ''
  return [value, token, pair, pair.slice(0, Math.max(0, pair.indexOf(':'))), pair.slice(pair.indexOf(':') + 1)]
}

/** All parameters of a target, also of its path, and of an address in a parameter. */
function parametersOf(target: string): [name: string, value: string][] {
  return target.split(/[?&;#]/).flatMap((pair): [string, string][] => {
    const equals = pair.indexOf('=')
    return equals < 0 ? [] : [[unescaped(pair.slice(0, equals)).replace(/\[.*/, ''), pair.slice(equals + 1)]]
  })
}

/** The parts of a request by which a policy or an affinity knows it. */
function partsOf(tie: Balance | Affinity): (NamedPart | SegmentParameter)[] {
  if (tie.type === 'server-id') return [...tie.from]
  if (tie.type === 'learn') return tie.from.map((source) => (source.from === 'socket.io' ? SOCKET_IO : source))
  return 'key' in tie && 'name' in tie.key && tie.key.from !== 'claim' ? [tie.key] : []
}

/** The parts of a request in which it has a key of a limit, or a token. */
function partsOfFilter(filter: FilterSettings): NamedPart[] {
  const isLimit = filter.type === 'rateLimit' || filter.type === 'concurrencyLimit'
  const parts: readonly (LimitPart | TokenPlace)[] = isLimit ? filter.by : filter.type === 'jwt' ? filter.from : []
  return parts.flatMap((part) => (isNamedPart(part) ? [part] : []))
}

function isNamedPart(part: { readonly from: string }): part is NamedPart {
  return part.from === 'header' || part.from === 'cookie' || part.from === 'query'
}

function valuesOf(part: NamedPart | SegmentParameter, view: RequestView): string[] {
  return Array.from({ length: MOST }, (_, after) => {
    return (part.from === 'segment-parameter' ? view.value(part, after) : valueIn(view, part, after)) ?? ''
  })
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1')
}

function isSome(text: string): boolean {
  return text !== ''
}
