/** The keys of sources whose values are secrets: they are in no message, no log and no print. */
const secretKeys: readonly PropertyKey[] = ['token', 'password']

/** The keys of sources whose values are URLs, in which somebody may have written a password. */
const urlKeys: readonly PropertyKey[] = ['url', 'endpoints', 'host']
const withPassword = /\/\/[^/?#\s]*:[^/?#\s]*@/

/** Whether the path ends at a secret of a source, `upstreams.app.servers[0].token`, or its value is a URL with a password. */
export function isSecretOfSource(path: readonly PropertyKey[], value: unknown): boolean {
  const isUrl = urlKeys.some((key) => path.slice(-2).includes(key))
  if (isUrl && typeof value === 'string' && withPassword.test(value)) return true
  const below = path.slice(path.indexOf('servers') + 1)
  return path.includes('servers') && (secretKeys.includes(path.at(-1)!) || below.includes('headers'))
}

/** The paths of the secrets that a source has: `[['token'], ['headers', 'authorization']]`. */
export function secretsOf(source: object): string[][] {
  const ofHeaders = 'headers' in source ? Object.keys(source.headers as object) : []
  const keys = Object.keys(source).filter((key) => secretKeys.includes(key))
  return [...keys.map((key) => [key]), ...ofHeaders.map((header) => ['headers', header])]
}
