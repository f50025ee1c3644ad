import type { Config } from '../config/schema.ts'
import type { Upstream } from '../config/upstream.ts'
import { warningsOf } from '../config/warnings.ts'
import { apart } from '../runtime/apart.ts'
import { warningsOfSecrets } from './sessions/kept-sessions.ts'
import type { StateDirectory } from './state/state-directory.ts'

/** The warnings of a configuration that the one before does not cause. */
export function newWarnings(before: Config, config: Config, state: StateDirectory): string[] {
  const isRestSame = config.admin === before.admin && config.trustedProxies === before.trustedProxies
  // What is the same object as before causes no news.
  const [former, next] = isRestSame ? serversApart(before, config) : [before, config]
  const known = new Set(allWarnings(former, state))
  return allWarnings(next, state).filter((warning) => !known.has(warning))
}

function allWarnings(config: Config, state: StateDirectory): string[] {
  return [...warningsOf(config), ...warningsOfSecrets(config, state)]
}

/** Both configurations without the upstreams, and without the servers of others, that are the same object in both. */
function serversApart(before: Config, next: Config): [Config, Config] {
  const [upstreams, nextUpstreams] = apart(before.upstreams, next.upstreams)
  return [
    { ...before, upstreams: withoutServersOf(nextUpstreams, upstreams) },
    { ...next, upstreams: withoutServersOf(upstreams, nextUpstreams) },
  ]
}

function withoutServersOf(others: readonly Upstream[], upstreams: readonly Upstream[]): Upstream[] {
  return upstreams.map((upstream) => {
    const other = others.find(({ name }) => name === upstream.name)
    return other === undefined ? upstream : { ...upstream, servers: [...apart(upstream.servers, other.servers)[0]] }
  })
}
