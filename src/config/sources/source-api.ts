import { z } from 'zod'
import { InvalidValue } from '../error.ts'
import { matching, text } from '../field.ts'
import { UpstreamTlsSettings } from '../tls/upstream-tls.ts'
import { urlWith } from '../url.ts'

/** What a source says of the API that it asks: where it is, how TLS checks it, and who asks. */

const httpUrl = urlWith('http:', 'https:')

/** A URL appears in logs, so it has no password. */
export const ApiUrl = text((written) => {
  const { username, password, search, hash } = new URL(httpUrl(written))
  if (username !== '' || password !== '')
    throw new InvalidValue('a URL without a user or a password', 'they have keys of their own')
  if (search !== '' || hash !== '') throw new InvalidValue('a URL without ? and #')
  return written
}, 'a URL')

export const ApiTls = z
  .exactOptional(UpstreamTlsSettings)
  .describe(
    'How its certificate is checked, and the certificate that it is shown, for https://. Default: as TLS to servers.',
  )

/** A secret, best given as a variable of the environment. */
export const secret = (what: string) =>
  matching(/^[\x21-\x7e]{1,4096}$/, `${what} without spaces, of at most 4096 characters`)

/** Refuses what contradicts the URLs of the API. */
export function refuseTlsWithoutHttps(tls: unknown, urls: readonly string[], issues: z.core.$ZodRawIssue[]): void {
  if (tls === undefined || urls.some((url) => url.toLowerCase().startsWith('https:'))) return
  const params = { hint: 'write https:// in the URL' }
  issues.push({
    code: 'custom',
    message: 'no tls without a URL that begins with https://',
    path: ['tls'],
    input: tls,
    params,
  })
}

/** Refuses a secret that is given twice: as itself, and as the file that it is in. */
export function refuseBoth(
  fields: Readonly<Record<string, unknown>>,
  one: string,
  other: string,
  issues: z.core.$ZodRawIssue[],
): void {
  if (fields[one] === undefined || fields[other] === undefined) return
  const params = { hint: 'leave out one of the two' }
  issues.push({ code: 'custom', message: `no ${other} beside ${one}`, path: [other], input: fields[other], params })
}
