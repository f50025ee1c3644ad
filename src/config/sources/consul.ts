import { z } from 'zod'
import { durationUpTo, matching, uniqueList } from '../field.ts'
import { FilePath } from '../file-path.ts'
import { everySource } from './every-source.ts'
import { ApiTls, ApiUrl, refuseBoth, refuseTlsWithoutHttps, secret } from './source-api.ts'

const Name = (what: string) => matching(/^[^\s/?#]{1,255}$/, `${what}, without spaces and slashes`)

/** A service in Consul, as far as its checks pass. See docs/discovery/consul.md. */
export const ConsulSource = z
  .strictObject({
    from: z.literal('consul').describe('The instances of a service in Consul.'),
    service: Name('the name of a service').describe('The name of the service.'),
    url: ApiUrl.prefault('http://127.0.0.1:8500').describe(
      "The URL of Consul's HTTP API, best that of the local agent.",
    ),
    tags: z
      .exactOptional(uniqueList(z.string('a tag').min(1, 'a tag')))
      .describe('Only servers that have all of these tags. Default: any.'),
    datacenter: z.exactOptional(Name('a datacenter')).describe("The datacenter. Default: the agent's own."),
    namespace: z
      .exactOptional(Name('a namespace'))
      .describe("The namespace (Consul Enterprise). Default: the token's own."),
    partition: z
      .exactOptional(Name('a partition'))
      .describe("The partition (Consul Enterprise). Default: the agent's own."),
    token: z.exactOptional(secret('a token')).describe('The ACL token, best given as a variable of the environment.'),
    tokenFile: z
      .exactOptional(FilePath)
      .describe('The file that holds only the ACL token, instead of token; read again at each request.'),
    checks: z
      .enum(['passing', 'warning'])
      .prefault('passing')
      .describe(
        'passing: requests go only to servers whose checks all pass. warning: also to those with warnings, by their own weight for that.',
      ),
    wait: durationUpTo(600_000)
      .prefault('5m')
      .describe('How long Consul may hold a request back until something changes, at most 10m.'),
    tls: ApiTls,
    ...everySource,
  })
  .check(({ value, issues }) => {
    refuseTlsWithoutHttps(value.tls, [value.url], issues)
    refuseBoth(value, 'token', 'tokenFile', issues)
  })

export type ConsulSource = z.output<typeof ConsulSource>
