import { parseWhole } from '../values.ts'
import type { Settings, Unused } from './effect.ts'
import type { Options } from './options.ts'

/** The methods that pages of other origins may use without being allowed to (the Fetch standard, CORS-safelisted methods). */
const always = ['GET', 'HEAD', 'POST']

/** The options that only say how origins are allowed, and which Traefik would send to others, too. */
const details = ['allowmethods', 'allowheaders', 'allowcredentials', 'exposeheaders', 'maxage']

/** What `headers` says of pages of other origins. */
export function corsOf(options: Options): {
  readonly filters: readonly Settings[]
  readonly unused: readonly Unused[]
} {
  const origins = options.list('accesscontrolalloworiginlist')
  if (origins.length === 0) return { filters: [], unused: withoutOrigins(options) }
  const methods = options.list('accesscontrolallowmethods')
  const headers = options.list('accesscontrolallowheaders')
  const expose = options.list('accesscontrolexposeheaders')
  const isAny = origins.includes('*')
  const cors = {
    origins: isAny ? 'any' : origins,
    methods: methods.length > 0 ? methods : always,
    headers: headers.includes('*') ? 'any' : headers,
    ...(expose.length > 0 && { expose }),
    // Browsers refuse answers that allow every origin and have credentials.
    ...(options.isOn('accesscontrolallowcredentials') && !isAny && { credentials: true }),
    maxAge: `${options.read('accesscontrolmaxage', (text) => parseWhole(text, 0, 86_400 * 7)) ?? 0}s`,
  }
  return { filters: [{ cors }], unused: [] }
}

function withoutOrigins(options: Options): Unused[] {
  return details.flatMap((detail) => {
    const label = options.label(`accesscontrol${detail}`)
    const hint = 'write accesscontrolalloworiginlist beside it'
    return label === undefined ? [] : [{ label, message: 'is not used, because no origin is allowed', hint }]
  })
}
