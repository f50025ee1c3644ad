import type { Upstream } from '../config/upstream.ts'

/** Which upstreams have one cookie for their sessions. */
export class SharedCookies {
  readonly #byName: ReadonlyMap<string, Upstream>
  /** By the name of the upstream that issues the cookie: all that have it, itself first. Only of cookies that are shared. */
  readonly #holders = new Map<string, string[]>()

  constructor(upstreams: readonly Upstream[]) {
    this.#byName = new Map(upstreams.map((upstream) => [upstream.name, upstream]))
    for (const upstream of upstreams) {
      const issuer = this.issuerOf(upstream)
      if (issuer === undefined || issuer === upstream) continue
      const holders = this.#holders.get(issuer.name)
      if (holders === undefined) this.#holders.set(issuer.name, [issuer.name, upstream.name])
      else holders.push(upstream.name)
    }
  }

  /** The upstream that issues the upstream's cookie; undefined if it has none. */
  issuerOf({ name, affinity }: Upstream): Upstream | undefined {
    if (affinity?.type !== 'cookie' && affinity?.type !== 'shared-cookie') return undefined
    const issuer = this.#byName.get(affinity.type === 'cookie' ? name : affinity.with)
    return issuer?.affinity?.type === 'cookie' ? issuer : undefined
  }

  /** The names of the other upstreams that have its cookie; empty if it has one of its own, or none. */
  sharingWith(upstream: Upstream): readonly string[] {
    const issuer = this.issuerOf(upstream)
    const holders = issuer === undefined ? undefined : this.#holders.get(issuer.name)
    return holders === undefined ? [] : holders.filter((name) => name !== upstream.name)
  }
}
