import { isDeepStrictEqual } from 'node:util'
import { contradictions } from '../../config/consistency.ts'
import { withCookieNames } from '../../config/cookie-names.ts'
import { formatPath } from '../../config/key-path.ts'
import { Route } from '../../config/route.ts'
import { Config } from '../../config/schema.ts'
import type { Upstream } from '../../config/upstream.ts'
import { type Issue, validate } from '../../config/validate.ts'
import type { FoundRoute, FoundUpstream, Landscape, Mistake } from '../../discovery/provider.ts'
import type { FoundLandscape } from '../desired/found.ts'
import type { FoundServers } from './found-servers.ts'

interface KnownUpstream {
  readonly settings: FoundUpstream['settings']
  /** Without its servers. */
  readonly outcome: Upstream | Mistake
  readonly servers: FoundServers
  made: Upstream | undefined
}

interface KnownRoute {
  readonly where: string
  readonly outcome: Route | Mistake
}

/** Upstreams and routes, made of what labels say: where they say the same as before, the same objects. */
export class LandscapeReader {
  readonly #source: string
  readonly #file: Config
  readonly #serversOf: (upstream: string) => FoundServers
  #upstreams: ReadonlyMap<string, KnownUpstream> = new Map()
  /** By all that is said of each. */
  #routes: ReadonlyMap<string, KnownRoute> = new Map()

  /**
   * @param source its name
   * @param file the configuration that they are put into
   * @param serversOf makes the servers of an upstream
   */
  constructor(source: string, file: Config, serversOf: (upstream: string) => FoundServers) {
    this.#source = source
    this.#file = file
    this.#serversOf = serversOf
  }

  read(landscape: Landscape): { readonly landscape: FoundLandscape; readonly mistakes: readonly Mistake[] } {
    const mistakes: Mistake[] = []
    const known = new Map<string, KnownUpstream>()
    const upstreams = landscape.upstreams.flatMap((found) => {
      const upstream = this.#upstreamOf(found)
      known.set(found.name, upstream)
      const { servers, mistakes: wrong } = upstream.servers.read(found.servers)
      mistakes.push(...wrong)
      if ('where' in upstream.outcome) {
        mistakes.push(upstream.outcome)
        return []
      }
      const isSame =
        upstream.made?.servers.length === servers.length &&
        servers.every((server, index) => server === upstream.made!.servers[index])
      if (!isSame) upstream.made = { ...upstream.outcome, servers: [...servers] }
      return [{ upstream: upstream.made!, where: found.where }]
    })
    const routes = new Map(landscape.routes.map((found) => this.#routeOf(found)))
    this.#upstreams = known
    this.#routes = routes
    return {
      landscape: {
        source: this.#source,
        upstreams,
        routes: [...routes.values()].flatMap(({ where, outcome }) => {
          if (!('where' in outcome)) return [{ route: outcome, where }]
          mistakes.push(outcome)
          return []
        }),
      },
      mistakes,
    }
  }

  #upstreamOf({ name, settings, where }: FoundUpstream): KnownUpstream {
    const before = this.#upstreams.get(name)
    if (before !== undefined && isDeepStrictEqual(before.settings, settings)) return before
    const servers = before?.servers ?? this.#serversOf(name)
    return { settings, outcome: this.#makeUpstream(name, settings, where), servers, made: undefined }
  }

  #makeUpstream(name: string, settings: FoundUpstream['settings'], where: string): Upstream | Mistake {
    const upstreams = { [name]: { ...settings, servers: [PLACEHOLDER] } }
    const outcome = validate(Config.shape.upstreams, upstreams)
    const issues = 'issues' in outcome ? outcome.issues.map(inside) : contradictions({ upstreams })
    if (issues.length > 0 || 'issues' in outcome) return mistakeOf(issues, `${where}: upstream ${name}`)
    const [upstream] = withCookieNames({ ...this.#file, upstreams: outcome.value }).upstreams
    return { ...upstream!, source: this.#source }
  }

  #routeOf(found: FoundRoute): [all: string, route: KnownRoute] {
    const all = JSON.stringify(found)
    const before = this.#routes.get(all)
    if (before !== undefined) return [all, before]
    const { upstream, settings, where } = found
    const outcome = validate(Route, { ...settings, upstream })
    const made =
      'issues' in outcome ? mistakeOf(outcome.issues, `${where}: route`) : { ...outcome.value, source: this.#source }
    return [all, { where, outcome: made }]
  }
}

/** Stands for the servers of an upstream whose settings are checked. */
const PLACEHOLDER = '127.0.0.1:1'

function inside(issue: Issue): Issue {
  return { ...issue, path: ['upstreams', ...issue.path] }
}

/** @param where what comes before the path inside of it */
function mistakeOf(issues: readonly Issue[], where: string): Mistake {
  const [{ path, message, hint }] = issues as [Issue]
  const place = formatPath(path[0] === 'upstreams' ? path.slice(2) : path)
  return { where: place === '' ? where : `${where}: ${place}`, message, hint }
}
