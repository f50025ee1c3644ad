import type { Definition } from './definitions.ts'
import type { Handling } from './middlewares/middlewares.ts'
import type { Requirements } from './requirements.ts'

/** One host and one path of a router's rule. */
export interface Claim {
  readonly router: Definition
  /** What is done to its requests. Absent: they are not served, since a middleware that protects them cannot be had. */
  readonly handling?: Handling
  readonly upstream: string
  /** The higher, the earlier Traefik asks the router. */
  readonly priority: number
  readonly requirements: Requirements
}

/** Divides a rule into claims, each of one host and one path. */
export function claimsOf(claim: Claim): Claim[] {
  const { hosts, paths } = claim.requirements
  return orAny(hosts).flatMap((host) =>
    orAny(paths).map((path) => ({
      ...claim,
      requirements: {
        ...claim.requirements,
        hosts: host === undefined ? [] : [host],
        paths: [path ?? '/*'],
      },
    })),
  )
}

function orAny(patterns: readonly string[]): readonly (string | undefined)[] {
  return patterns.length === 0 ? [undefined] : patterns
}

export function isSameHandling(one: Claim, other: Claim): boolean {
  return JSON.stringify(one.handling) === JSON.stringify(other.handling)
}

/** Claims, to be compared with those which may be on the same host. */
export class ClaimsByHost {
  readonly #ofHosts = new Map<string, Claim[]>()
  /** Of every host, of wildcards and of regular expressions. */
  readonly #broad: Claim[] = []
  readonly #all: Claim[] = []

  add(claim: Claim): void {
    this.#all.push(claim)
    const host = exactHost(claim)
    const others = host === undefined ? this.#broad : this.#ofHosts.get(host)
    if (others === undefined) this.#ofHosts.set(host!, [claim])
    else others.push(claim)
  }

  *near(claim: Claim): Iterable<Claim> {
    const host = exactHost(claim)
    if (host === undefined) return yield* this.#all
    yield* this.#ofHosts.get(host) ?? []
    yield* this.#broad
  }
}

function exactHost({ requirements: { hosts } }: Claim): string | undefined {
  const [host] = hosts
  return host === undefined || /^[*~.]|\.\*$/.test(host) ? undefined : host
}
