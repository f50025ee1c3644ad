import type { LabelMistakes } from '../../label-mistakes.ts'
import type { Definition, Definitions } from '../definitions.ts'
import { parseList } from '../values.ts'
import type { Effect, Settings } from './effect.ts'
import { readingOf } from './reading.ts'

/** What the routes of a router have besides what they require of a request. */
export interface Handling {
  readonly filters: readonly Settings[]
  readonly bodyLimit?: number
  readonly retries?: Settings
  /** The one of the filters that sends all requests without TLS to https. */
  readonly toHttps?: Settings
}

export const PLAIN: Handling = { filters: [] }

/** How many middlewares a router may have, with those of its chains and these themselves. */
const MOST = 100

/** What the middlewares of routers do, in Limpet's words. */
export class Middlewares {
  readonly #defined: Definitions['middlewares']
  readonly #mistakes: LabelMistakes
  /** How many more the router may have that is read. */
  #left = 0

  constructor(defined: Definitions['middlewares'], mistakes: LabelMistakes) {
    this.#defined = defined
    this.#mistakes = mistakes
  }

  /** Undefined where the router must not be served without what its middlewares would do: this is reported. */
  handlingOf(router: Definition): Handling | undefined {
    const label = router.fields.get('middlewares')
    if (label === undefined) return PLAIN
    this.#left = MOST
    // Every one of them is looked at, so that all that is wrong is said.
    const effects = this.#effectsOf(parseList(label.value), router, [])
    const usable = effects.filter((effect) => effect !== undefined)
    return usable.length < effects.length ? undefined : together(usable)
  }

  /** In the order in which a request comes to them; undefined for one that cannot be had. */
  #effectsOf(names: readonly string[], router: Definition, within: readonly string[]): (Effect | undefined)[] {
    return names.flatMap((name) => this.#effectsOfOne(name, router, within))
  }

  #effectsOfOne(name: string, router: Definition, within: readonly string[]): (Effect | undefined)[] {
    if (this.#left === 0) return [this.#refuse(router, `has more than ${MOST} middlewares`)]
    this.#left--
    const [, own] = /^(.*?)(?:@(?:docker|swarm))?$/.exec(name)!
    const defined = this.#defined.get(own!)
    if (defined === undefined)
      return [
        this.#refuse(
          router,
          `names the middleware ${name}, which no container defines`,
          'leave it out of middlewares if the route is safe without it',
        ),
      ]
    const chain = defined.fields.get('chain.middlewares')
    if (chain !== undefined && defined.fields.size === 1) {
      if (within.includes(own!)) return [this.#refuse(router, `needs the chain ${name}, which names itself`)]
      return this.#effectsOf(parseList(chain.value), router, [...within, own!])
    }
    const { effect, missing, mistakes } = readingOf(defined.fields)
    this.#mistakes.include(mistakes)
    if (effect !== undefined) return [effect]
    return [
      missing === undefined
        ? this.#refuse(router, `needs ${name}, which has a mistake`)
        : this.#refuse(router, `needs ${name} (${missing.what}), which is not supported`, missing.hint),
    ]
  }

  #refuse(router: Definition, why: string, hint?: string): undefined {
    this.#mistakes.add(
      router.fields.get('middlewares')!,
      `${why}: the route is not served, because it would be open`,
      hint,
    )
  }
}

function together(effects: readonly Effect[]): Handling {
  const limits = effects.map(({ bodyLimit }) => bodyLimit).filter((limit) => limit !== undefined)
  const retries = effects.findLast((effect) => effect.retries !== undefined)?.retries
  const toHttps = effects.find((effect) => effect.toHttps !== undefined)?.toHttps
  return {
    filters: effects.flatMap(({ filters }) => filters),
    ...(limits.length > 0 && { bodyLimit: Math.min(...limits) }),
    ...(retries !== undefined && { retries }),
    ...(toHttps !== undefined && { toHttps }),
  }
}
