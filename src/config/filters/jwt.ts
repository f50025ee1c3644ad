import { z } from 'zod'
import type { TokenPlace } from '../../runtime/filter-settings.ts'
import { durationUpTo, matching, oneOrMore, text, uniqueList, written } from '../field.ts'
import { FilePath } from '../file-path.ts'
import { shownUrl } from '../url.ts'
import { Realm } from './basic-auth.ts'
import { HeaderName } from './head-changes.ts'

/** Signed with a private key, verified with a public one (RFC 7518, RFC 8037). */
const asymmetric = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const
/** Signed and verified with the same secret. */
const symmetric = ['HS256', 'HS384', 'HS512'] as const

const places = 'bearer, cookie:NAME or query:NAME'

const PlaceText = written(
  matching(/^(?:bearer|cookie:[!#$%&'*+.^_`|~0-9A-Za-z-]+|query:[^&=#\s]+)$/, places),
  (text): TokenPlace => {
    const colon = text.indexOf(':')
    if (colon < 0) return { from: 'bearer' }
    return { from: text.slice(0, colon) as 'cookie', name: text.slice(colon + 1) }
  },
  (place) => ('name' in place ? `${place.from}:${place.name}` : place.from),
)

const isUrl = (keys: string) => /^[a-z]+:\/\//i.test(keys)

const Keys = text((written) => (isUrl(written) ? shownUrl(written) : written), 'a URL or the path of a file')

const ClaimValue = z.union([z.string(), z.number(), z.boolean()], 'text, a number, true or false')

const Fields = z.strictObject({
  keys: z
    .exactOptional(Keys)
    .describe(
      'Where the public keys are: the https:// or http:// URL of a JSON Web Key Set, which is fetched again from time to time, or a file with such a set or with PEM.',
    ),
  secretFile: z
    .exactOptional(FilePath)
    .describe('A file with the secret by which tokens are signed, for HS256, HS384 and HS512. In place of keys.'),
  algorithms: z
    .exactOptional(uniqueList(z.enum([...asymmetric, ...symmetric])))
    .describe('The algorithms that are accepted. Default: RS256, ES256 and EdDSA with keys, HS256 with a secret.'),
  issuer: z
    .exactOptional(oneOrMore(z.string().min(1), 'an issuer'))
    .describe('Who must have issued the token (iss). Default: anybody with a key.'),
  audience: z
    .exactOptional(oneOrMore(z.string().min(1), 'an audience'))
    .describe('Whom the token must be for (aud), one of them. Default: anybody.'),
  clockSkew: durationUpTo(600_000).prefault('30s').describe('By how much clocks may differ.'),
  require: z
    .record(z.string(), oneOrMore(ClaimValue, 'a value'))
    .prefault({})
    .describe(
      'Claims that a token must have, each with a value or several of which one must be there; in a list, or in a scope, it is enough if it contains one. "*": any value.',
    ),
  from: oneOrMore(PlaceText, places)
    .prefault('bearer')
    .describe(`Where tokens are: ${places}. In a list, the first place that has one counts.`),
  headers: z
    .record(HeaderName, z.string().min(1))
    .prefault({})
    .describe("Headers in which servers get claims, such as X-User: sub; the client's own of these names are removed."),
  realm: Realm.prefault('Restricted').describe('What the token is for; it is in the answer to requests without one.'),
  forward: z.boolean().prefault(false).describe('Whether servers get the token, too.'),
})

/** A token signed with a public key as if that were a secret is never accepted: the two kinds of algorithms never meet. */
export const JwtFilter = Fields.check(({ value, issues }) => {
  const { keys, secretFile, algorithms = [] } = value
  const wrong = (key: 'keys' | 'secretFile' | 'algorithms', message: string, hint: string) =>
    issues.push({ code: 'custom', message, params: { hint }, path: [key], input: value[key] })
  if (keys === undefined && secretFile === undefined)
    wrong('keys', 'the URL or the file of public keys', 'or secretFile, where both sides sign with one secret')
  if (keys !== undefined && secretFile !== undefined) wrong('secretFile', 'either keys or secretFile', 'leave one out')
  const others: readonly string[] = secretFile === undefined ? symmetric : asymmetric
  const misplaced = algorithms.find((each) => others.includes(each))
  if (misplaced === undefined) return
  if (secretFile === undefined)
    wrong('algorithms', `algorithms with public keys, without ${misplaced}`, `${misplaced} needs secretFile`)
  else wrong('algorithms', `HS256, HS384 or HS512 with secretFile, without ${misplaced}`, `${misplaced} needs keys`)
}).describe('Lets requests with a valid JSON Web Token through.')

export type JwtFilter = z.output<typeof JwtFilter>

/** The algorithms that are accepted. */
export function acceptedAlgorithms({ algorithms, secretFile }: JwtFilter): readonly string[] {
  return algorithms ?? (secretFile === undefined ? ['RS256', 'ES256', 'EdDSA'] : ['HS256'])
}

/** The URL of the key set; undefined for keys in a file. */
export function keySetUrl({ keys }: Pick<JwtFilter, 'keys'>): string | undefined {
  return keys !== undefined && isUrl(keys) ? keys : undefined
}
