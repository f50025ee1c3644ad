import { cookieNameFor, instanceOf } from './instance.ts'
import type { Config } from './schema.ts'

/**
 * Sets the default names of cookies that the operator has not named.
 *
 * @param before the Config for which the default names were last set; they are set again for the changed one
 */
export function withCookieNames(config: Config, before: Config = config): Config {
  const former = instanceOf(before)
  const instance = instanceOf(config)
  const upstreams = config.upstreams.map((upstream) => {
    const { name, affinity } = upstream
    if (affinity?.type !== 'cookie') return upstream
    const isNamed = affinity.name !== undefined && affinity.name !== cookieNameFor(former, name)
    return isNamed ? upstream : { ...upstream, affinity: { ...affinity, name: cookieNameFor(instance, name) } }
  })
  return { ...config, upstreams }
}
