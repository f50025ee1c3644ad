import { parseChoice, parsePort, parseSwitch } from '../values.ts'
import { type Effect, filtering, type Settings } from './effect.ts'
import { parseRegexp, parseReplacement, withoutVariables } from './go-regexp.ts'
import type { Options } from './options.ts'

const usualPorts = { http: 80, https: 443 } as const

/** Not from a port to another one of the same scheme. */
export function redirectScheme(options: Options): Effect {
  const scheme = options.required('scheme', (text) => parseChoice(text, ['http', 'https'] as const))
  const port = options.read('port', parsePort)
  const authority = port === undefined || port === usualPorts[scheme] ? '$1' : `$1:${port}`
  const redirect = redirectTo(scheme, authority, statusOf(options))
  return { ...filtering(redirect), ...(scheme === 'https' && { toHttps: redirect }) }
}

/** Requests of the other scheme go to the same address with this one. `$1` in the authority is the host. */
export function redirectTo(scheme: 'http' | 'https', authority: string, status: number): Settings {
  const other = scheme === 'https' ? 'http' : 'https'
  const host = String.raw`(\[[^\]]*\]|[^/:?]*)(?::\d+)?`
  return { redirect: { pattern: `^${other}://${host}`, to: `${scheme}://${authority}`, status } }
}

export function redirectRegex(options: Options): Effect {
  const pattern = options.required('regex', parseRegexp)
  const to = options.required('replacement', (text) => parseReplacement(text, pattern))
  return filtering({ redirect: { pattern, to: withoutVariables(to), status: statusOf(options) } })
}

/** They keep the method, as Traefik does for all methods but GET, for which it makes no difference. */
function statusOf(options: Options): number {
  return options.read('permanent', parseSwitch) === true ? 308 : 307
}
