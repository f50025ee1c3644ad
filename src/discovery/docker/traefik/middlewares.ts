import type { LabelMistakes } from '../label-mistakes.ts'
import type { Definition, Definitions } from './definitions.ts'
import type { Fields } from './labels.ts'
import { type MiddlewareKind, middlewareKinds } from './middleware-kinds.ts'
import { parseList, parseSwitch } from './values.ts'

/** Headers of requests that Limpet sets itself, or that say nothing of who the client is. */
const harmlessHeader = /^(?:x-forwarded-(?:for|host|port|proto|ssl|server)|x-real-ip|x-scheme|x-script-name|forwarded)$/

const LONGEST_CHAIN = 100

/**
 * Whether the router's route is served although no middleware is supported: not if one of them protects it. Says so, once for each
 * middleware, or for each router that is left out.
 */
export class Middlewares {
  readonly #defined: Definitions['middlewares']
  readonly #mistakes: LabelMistakes

  constructor(defined: Definitions['middlewares'], mistakes: LabelMistakes) {
    this.#defined = defined
    this.#mistakes = mistakes
  }

  permit(router: Definition): boolean {
    const label = router.fields.get('middlewares')
    if (label === undefined) return true
    // Every one of them is looked at, so that all that is wrong is said.
    const verdicts = this.#expanded(parseList(label.value)).map((middleware) => this.#permits(router, middleware))
    return !verdicts.includes(false)
  }

  #permits(router: Definition, { name, defined }: Named): boolean {
    const label = router.fields.get('middlewares')!
    if (defined === undefined) {
      const hint = 'leave it out of middlewares if the route is safe without it'
      this.#mistakes.add(
        label,
        `names the middleware ${name}, which no container defines: the route is not served`,
        hint,
      )
      return false
    }
    const effects = effectsOf(defined)
    for (const { kind, route, hint } of effects) {
      const consequence =
        route === 'redirected' ? 'routers without tls that have it are left out' : 'routes are served without it'
      if (route === 'left-out')
        this.#mistakes.add(
          label,
          `needs ${name} (${kind}), which is not supported yet: the route is not served, because it would be open`,
          hint,
        )
      else
        this.#mistakes.add(
          { container: defined.container, label: `traefik.http.middlewares.${defined.name}.${kind}` },
          `is not supported yet: ${consequence}`,
          hint,
        )
    }
    return effects.every(({ route }) => route === 'served' || (route === 'redirected' && isSecure(router)))
  }

  /** Those that the names stand for, with those that chains name beside the chains. */
  #expanded(names: readonly string[]): Named[] {
    const expanded = new Map<string, Named>()
    const waiting = [...names]
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      if (expanded.has(name)) continue
      const [, own] = /^(.*?)(?:@(?:docker|swarm))?$/.exec(name)!
      // What is beyond the end of a chain that is too long is as good as unknown.
      const defined = expanded.size < LONGEST_CHAIN ? this.#defined.get(own!) : undefined
      expanded.set(name, { name, defined })
      waiting.push(...parseList(defined?.fields.get('chain.middlewares')?.value ?? ''))
    }
    return [...expanded.values()]
  }
}

interface Named {
  readonly name: string
  readonly defined: Definition | undefined
}

type Effect = MiddlewareKind & { readonly kind: string }

/** Of each kind that the definition has: there should be one. A chain has no effect of its own. */
function effectsOf({ fields }: Definition): Effect[] {
  const keys = [...fields.keys()].filter((key) => key !== 'chain.middlewares')
  const kinds = new Set(keys.map((key) => key.split('.')[0]!))
  return [...kinds].map((kind) => ({ kind, ...effectOf(kind, fields) }))
}

function effectOf(kind: string, fields: Fields): MiddlewareKind & { kind?: string } {
  const known = middlewareKinds.get(kind)
  if (known === undefined) return { route: 'left-out', hint: 'use a middleware of Traefik 2 or 3' }
  if (kind === 'redirectscheme' && fields.get('redirectscheme.scheme')?.value.trim().toLowerCase() !== 'https')
    return { route: 'served', hint: 'let the server send the redirect' }
  if (kind !== 'headers') return known
  const start = 'headers.customrequestheaders.'
  const forged = [...fields.keys()].find(
    (key) => key.startsWith(start) && !harmlessHeader.test(key.slice(start.length)),
  )
  // Without the middleware, a client could send that header itself, and be believed.
  return forged === undefined
    ? known
    : { kind: forged, route: 'left-out', hint: 'let the server know the value without the header' }
}

function isSecure({ fields }: Definition): boolean {
  return [...fields].some(([key, { value }]) => key.startsWith('tls.') || (key === 'tls' && isOn(value)))
}

function isOn(value: string): boolean {
  try {
    return parseSwitch(value.trim())
  } catch {
    return false
  }
}
