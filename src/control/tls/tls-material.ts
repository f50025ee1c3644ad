import type { CertificatePair } from '../../certificates/certificate-pair.ts'
import type { KeySet, PasswordFile } from '../../runtime/credentials.ts'
import type { PageFile } from '../../runtime/page-file.ts'
import type { Certificate } from '../../runtime/tls-settings.ts'

/** A certificate and its source: `file`, or the name of another one. */
export interface CertificateOrigin extends Pick<CertificatePair, 'certificate' | 'facts'> {
  readonly source: string
  /** Whether every user of this machine can read its key. */
  readonly isKeyPublic: boolean
  /** Whether it is shown to clients, or to servers. */
  readonly shownTo: 'clients' | 'servers'
}

/** What filters have from files. Immutable. */
export interface FilterMaterial {
  readonly passwordFiles: readonly PasswordFile[]
  readonly keySets: readonly KeySet[]
  readonly pages: readonly PageFile[]
  /** Whether a file that switches filters is there, by its path. */
  readonly switches: ReadonlyMap<string, boolean>
}

/** What a Snapshot has of TLS, and for filters, that is not in the configuration. Immutable. */
export interface TlsMaterial extends FilterMaterial {
  /** The certificates of listeners. */
  readonly certificates: readonly Certificate[]
  /** Where each of them, and of `clientCertificates`, comes from. */
  readonly origins: readonly CertificateOrigin[]
  /** Limpet's own certificates for servers, by the path of their file. */
  readonly clientCertificates: ReadonlyMap<string, Certificate>
  /** The certificates of authorities, as PEM, by the path of their file. */
  readonly authorities: ReadonlyMap<string, string>
  /** The key of session tickets. Absent where no listener has TLS. */
  readonly ticketKey?: Uint8Array
  /** The file that it is in, if every user of this machine can read that. */
  readonly publicTicketKey?: string
}

/** For a configuration by which nothing is served. */
export const NO_MATERIAL: TlsMaterial = {
  certificates: [],
  origins: [],
  clientCertificates: new Map(),
  authorities: new Map(),
  passwordFiles: [],
  keySets: [],
  pages: [],
  switches: new Map(),
}

/** What differs, one sentence each: `certificate of example.org renewed`, or `obtained` in place of a provisional one. */
export function materialChanges(before: TlsMaterial, next: TlsMaterial): string[] {
  if (before === next) return []
  const former = new Map(before.certificates.map((certificate) => [certificate.name, certificate]))
  const now = new Set(next.certificates.map(({ name }) => name))
  return [
    ...next.certificates.flatMap((certificate) => {
      const known = former.get(certificate.name)
      if (known === undefined) return [`certificate of ${hostsInWords(certificate)} added`]
      if (known === certificate) return []
      return [`certificate of ${hostsInWords(certificate)} ${isProvisional(before, known) ? 'obtained' : 'renewed'}`]
    }),
    ...before.certificates
      .filter(({ name }) => !now.has(name))
      .map((certificate) => `certificate of ${hostsInWords(certificate)} removed`),
    ...changedFiles(before.clientCertificates, next.clientCertificates),
    ...changedFiles(before.authorities, next.authorities),
    ...changedFiles(byName(before.passwordFiles), byName(next.passwordFiles)),
    ...changedFiles(byName(before.keySets), byName(next.keySets)),
    ...changedFiles(byName(before.pages), byName(next.pages)),
    ...[...next.switches]
      .filter(([path, isThere]) => before.switches.has(path) && before.switches.get(path) !== isThere)
      .map(([path, isThere]) => `${path} ${isThere ? 'has appeared' : 'has gone'}`),
    ...next.keySets
      .filter(({ name }) => isFetched(name) && before.keySets.every((known) => known.name !== name))
      .map(({ name }) => `keys of tokens fetched from ${name}`),
    ...(isSameKey(before.ticketKey, next.ticketKey) ? [] : ['the key of session tickets is another']),
  ]
}

/** Whether Limpet has signed it itself, for the time until there is one of an authority. */
function isProvisional({ origins }: TlsMaterial, certificate: Certificate): boolean {
  const origin = origins.find((each) => each.certificate === certificate)
  return origin !== undefined && origin.source !== 'file' && origin.facts.isSelfSigned
}

/** How many hosts of a certificate a message names. */
const NAMED_HOSTS = 3

/** The hosts of a certificate, in few words. */
export function hostsInWords({ name, hosts }: Pick<Certificate, 'name' | 'hosts'>): string {
  if (hosts.length === 0) return name
  const more = hosts.length > NAMED_HOSTS ? ` and ${hosts.length - NAMED_HOSTS} more` : ''
  return `${hosts.slice(0, NAMED_HOSTS).join(', ')}${more}`
}

/** A file that only one of the two has was named or is no longer: that is a change of the configuration. */
function changedFiles(before: ReadonlyMap<string, unknown>, next: ReadonlyMap<string, unknown>): string[] {
  return [...next]
    .filter(([path, content]) => before.has(path) && before.get(path) !== content)
    .map(([path]) => `${path} changed`)
}

/** Whether it is at a URL: then it may be there later than the configuration that names it. */
function isFetched(name: string): boolean {
  return URL.canParse(name)
}

function byName<Part extends { readonly name: string }>(parts: readonly Part[]): ReadonlyMap<string, Part> {
  return new Map(parts.map((part) => [part.name, part]))
}

function isSameKey(before: Uint8Array | undefined, next: Uint8Array | undefined): boolean {
  if (before === undefined || next === undefined) return true
  return Buffer.compare(before, next) === 0
}
