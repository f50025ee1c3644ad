import { isOwnHeader } from '../../../../config/filters/head-changes.ts'
import { parseWhole } from '../values.ts'
import { corsOf } from './cors.ts'
import type { Effect, Settings, Unused } from './effect.ts'
import { withoutVariables } from './go-regexp.ts'
import type { Options } from './options.ts'
import { redirectTo } from './redirects.ts'

/** In their order: preflights, the redirect to https, the host, and then the headers. */
export function headers(options: Options): Effect {
  const cors = corsOf(options)
  const toHttps = secureRedirect(options)
  const request = changesOf(options, 'customrequestheaders')
  const response = changesOf(options, 'customresponseheaders', securityHeaders(options))
  const changes = {
    ...(isSome(request.changes) && { request: request.changes }),
    ...(isSome(response.changes) && { response: response.changes }),
  }
  return {
    filters: [
      ...cors.filters,
      ...(toHttps === undefined ? [] : [toHttps]),
      ...(request.host === undefined ? [] : [{ host: request.host }]),
      ...(isSome(changes) ? [{ headers: changes }] : []),
    ],
    ...(toHttps !== undefined && { toHttps }),
    unused: [...cors.unused, ...request.unused, ...response.unused],
  }
}

interface Changes {
  readonly changes: Settings
  /** A header Host, which is a filter of its own. */
  readonly host: string | undefined
  readonly unused: readonly Unused[]
}

/** @param usual headers that are set unless a label says something else of them, in lower case */
function changesOf(
  options: Options,
  option: 'customrequestheaders' | 'customresponseheaders',
  usual: ReadonlyMap<string, [name: string, value: string]> = new Map(),
): Changes {
  const set = new Map(usual)
  const remove: string[] = []
  const unused: Unused[] = []
  let host: string | undefined
  for (const { name, label } of options.below(option)) {
    const value = label.value.trim()
    const key = name.toLowerCase()
    if (key === 'host' && option === 'customrequestheaders') host = value === '' ? undefined : value
    else if (isOwnHeader(name))
      unused.push({
        label,
        message: 'is not used',
        hint: 'Limpet says this by what it knows itself: see trustedProxies',
      })
    else if (value === '') {
      remove.push(name)
      set.delete(key)
    } else set.set(key, [name, withoutVariables(value)])
  }
  return {
    changes: {
      ...(remove.length > 0 && { remove }),
      ...(set.size > 0 && { set: Object.fromEntries(set.values()) }),
    },
    host,
    unused,
  }
}

/** Redirects of Traefik 2 to https, which version 3 has no longer. */
function secureRedirect(options: Options): Settings | undefined {
  if (!options.isOn('sslredirect') || options.isOn('isdevelopment')) return undefined
  const host = options.read('sslhost', String)
  return redirectTo('https', host ? withoutVariables(host) : '$1', options.isOn('ssltemporaryredirect') ? 307 : 308)
}

/** By their names in lower case. */
function securityHeaders(options: Options): Map<string, [name: string, value: string]> {
  const text = (option: string) => options.read(option, withoutVariables) || undefined
  const headers: Readonly<Record<string, string | undefined>> = {
    'Strict-Transport-Security': strictTransport(options),
    'X-Frame-Options': text('customframeoptionsvalue') ?? (options.isOn('framedeny') ? 'DENY' : undefined),
    'X-Content-Type-Options': options.isOn('contenttypenosniff') ? 'nosniff' : undefined,
    'X-XSS-Protection':
      text('custombrowserxssvalue') ?? (options.isOn('browserxssfilter') ? '1; mode=block' : undefined),
    'Content-Security-Policy': text('contentsecuritypolicy'),
    'Content-Security-Policy-Report-Only': text('contentsecuritypolicyreportonly'),
    'Public-Key-Pins': text('publickey'),
    'Referrer-Policy': text('referrerpolicy'),
    'Permissions-Policy': text('permissionspolicy'),
    'Feature-Policy': text('featurepolicy'),
  }
  return new Map(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.toLowerCase(), [name, value]]],
    ),
  )
}

/** Clients ignore it in answers that do not come by TLS (RFC 6797 §8.1). */
function strictTransport(options: Options): string | undefined {
  const seconds = options.read('stsseconds', (text) => parseWhole(text, 0, 999_999_999)) ?? 0
  const parts = [
    `max-age=${seconds}`,
    ...(options.isOn('stsincludesubdomains') ? ['includeSubDomains'] : []),
    ...(options.isOn('stspreload') ? ['preload'] : []),
  ]
  return seconds === 0 || options.isOn('isdevelopment') ? undefined : parts.join('; ')
}

function isSome(settings: Settings): boolean {
  return Object.keys(settings).length > 0
}
