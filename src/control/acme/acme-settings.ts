import { readFileSync } from 'node:fs'
import { canBeCertified } from '../../config/host.ts'
import type { Config } from '../../config/schema.ts'
import type { Acme as ConfiguredAcme } from '../../config/tls/acme.ts'
import type { AcmeSettings } from './acme.ts'
import type { AuthoritySettings, ChallengeType } from './protocol/authority-settings.ts'

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory'
const STAGING = 'https://acme-staging-v02.api.letsencrypt.org/directory'

const names: Readonly<Record<string, string>> = {
  [LETS_ENCRYPT]: "Let's Encrypt",
  [STAGING]: "Let's Encrypt (staging)",
}

/** How a configuration has certificates obtained; undefined if it does not. */
export function acmeOf({ listeners }: Pick<Config, 'listeners'>): ConfiguredAcme | undefined {
  return listeners.find(({ tls }) => tls?.acme !== undefined)?.tls?.acme
}

/**
 * The hosts of all routes that need a certificate, as certificates name them.
 *
 * @param covered hosts that other certificates cover
 */
export function hostsOf(
  { routes }: Pick<Config, 'routes'>,
  { dns, onDemand }: ConfiguredAcme,
  covered: readonly string[],
): string[] {
  const written = routes.flatMap((route) => route.hosts.filter(canBeCertified))
  const hosts = new Set(written.map((host) => host.replace(/^\[(.*)\]$/, '$1')))
  const wildcards = [...hosts].filter(isWildcard)
  // Without a command for the DNS, names below a wildcard get certificates of their own on demand.
  const known = new Set([...covered, ...(dns === undefined ? [] : wildcards)])
  return [...hosts].filter((host) => {
    if (isWildcard(host)) return !covered.includes(host) && (dns !== undefined || onDemand === undefined)
    return !known.has(host) && !known.has(wildcardFor(host))
  })
}

function isWildcard(host: string): boolean {
  return host.startsWith('*.')
}

/** The name with a wildcard that covers a host. */
function wildcardFor(host: string): string {
  return `*${host.slice(host.indexOf('.'))}`
}

/**
 * The settings of the configuration, with the content of the files that it names.
 *
 * @param authorities certificates of authorities, by the path of their file
 * @throws the system's error, if a file cannot be read
 */
export function settingsOf(
  acme: ConfiguredAcme,
  listeners: Config['listeners'],
  authorities: ReadonlyMap<string, string>,
): AcmeSettings {
  const { directory, staging, fallback, keyType, challenges, dns, onDemand } = acme
  const first = directory ?? (staging === true ? STAGING : LETS_ENCRYPT)
  return {
    authorities: [
      authorityOf({ ...acme, directory: first }, authorities),
      ...(fallback === undefined ? [] : [authorityOf(fallback, authorities)]),
    ],
    keyType,
    challenges: challenges ?? standardChallenges(listeners, dns !== undefined),
    ...(dns !== undefined && { dns }),
    ...(onDemand !== undefined && { onDemand }),
  }
}

type Written = Pick<ConfiguredAcme, 'email' | 'ca' | 'externalAccount' | 'profile'> & { readonly directory: string }

function authorityOf(
  { directory, email, ca, externalAccount, profile }: Written,
  authorities: ReadonlyMap<string, string>,
): AuthoritySettings {
  return {
    name: names[directory] ?? new URL(directory).host,
    directory,
    ...(ca !== undefined && { ca: authorities.get(ca) ?? '' }),
    ...(email !== undefined && { email }),
    ...(externalAccount !== undefined && {
      externalAccount: {
        kid: externalAccount.kid,
        key: externalAccount.key ?? readFileSync(externalAccount.keyFile!, 'utf8').trim(),
      },
    }),
    ...(profile !== undefined && { profile }),
  }
}

/** HTTP-01 needs a listener without TLS. */
function standardChallenges(listeners: Config['listeners'], hasDns: boolean): ChallengeType[] {
  const isPlain = listeners.some(({ tls }) => tls === undefined)
  return [...(hasDns ? ['dns-01' as const] : []), ...(isPlain ? ['http-01' as const] : []), 'tls-alpn-01']
}
