import { z } from 'zod'
import { Duration, matching, settings, text, uniqueList } from '../field.ts'
import { FilePath } from '../file-path.ts'
import { urlWith } from '../url.ts'

/** The schema of `acme` in a listener's `tls`. See docs/acme.md. */

const ExternalAccount = z
  .strictObject({
    kid: z.string().min(1, 'the key id').describe('Its key id.'),
    key: z
      .exactOptional(matching(/^[\w-]+=*$/, 'a key in base64url'))
      .describe('Its shared key (HMAC), in base64url; best from a variable.'),
    keyFile: z.exactOptional(FilePath).describe('The file with its shared key, instead of key.'),
  })
  .check(({ value, issues }) => {
    if ((value.key === undefined) !== (value.keyFile === undefined)) return
    issues.push({ code: 'custom', message: 'either key or keyFile', input: undefined, path: ['key'] })
  })

const authority = {
  email: z
    .exactOptional(matching(/^[^\s@,?]+@[^\s@,?]+$/, 'an email address'))
    .describe('Where the authority writes about certificates that end and changes of its terms.'),
  ca: z
    .exactOptional(FilePath)
    .describe("The file with the certificates to trust for the authority's API. Default: those of the web."),
  externalAccount: z
    .exactOptional(ExternalAccount)
    .describe("The customer's account to which the account is tied (EAB), where the authority demands it."),
  profile: z
    .exactOptional(matching(/^[\w.-]{1,100}$/, 'the name of a profile'))
    .describe("The profile of certificates, such as shortlived. Default: the authority's own."),
}

const Directory = text(urlWith('https:'), 'the URL of a directory')

const Fallback = z.strictObject({
  directory: Directory.describe("The URL of the other authority's directory."),
  ...authority,
})

const Dns = z.strictObject({
  command: z
    .array(z.string().min(1, 'an argument'))
    .min(1, 'a program and its arguments')
    .describe('Sets and removes TXT records. It is called with `set NAME VALUE` and `remove NAME VALUE` after these.'),
  wait: Duration.prefault('10s').describe('How long the DNS may take to have a record once the command has ended.'),
})

const OnDemand = z.strictObject({
  ask: text(urlWith('http:', 'https:'), 'a URL').describe(
    'Is asked with ?domain=HOST; a status of 200 to 299 allows a certificate.',
  ),
})

const kinds = ['http-01', 'tls-alpn-01', 'dns-01'] as const

export const Acme = settings(
  {
    directory: z
      .exactOptional(Directory)
      .describe("The URL of the authority's directory. Default: that of Let's Encrypt."),
    staging: z
      .exactOptional(z.boolean())
      .describe("Whether Let's Encrypt's test server is used, whose certificates no browser trusts. Default: false."),
    ...authority,
    fallback: z.exactOptional(Fallback).describe('Another authority, for when the first one issues no certificate.'),
    keyType: z.enum(['ecdsa', 'rsa']).prefault('ecdsa').describe('The keys of the certificates.'),
    challenges: z
      .exactOptional(uniqueList(z.enum(kinds)))
      .describe(
        'How hosts may be proven, the preferred way first. Default: dns-01 if there is dns, http-01, tls-alpn-01.',
      ),
    dns: z.exactOptional(Dns).describe('Sets records in the DNS, for dns-01 and names with wildcards.'),
    onDemand: z
      .exactOptional(OnDemand)
      .describe('Certificates for hosts that no route names, once a client asks for one.'),
  },
  '{ email: hostmaster@example.org }',
).check(({ value: { directory, staging, challenges, dns }, issues }) => {
  if (directory !== undefined && staging !== undefined) {
    const params = { hint: "leave out one of the two: staging is the directory of Let's Encrypt's test server" }
    const message = 'no staging beside directory'
    issues.push({ code: 'custom', message, path: ['staging'], input: staging, params })
  }
  if (challenges?.includes('dns-01') && dns === undefined) {
    const path = ['challenges', challenges.indexOf('dns-01')]
    const message = 'no dns-01 without dns'
    issues.push({ code: 'custom', message, path, input: 'dns-01', params: { hint: 'set dns.command' } })
  }
})

export type Acme = z.output<typeof Acme>
