import type { Certificate } from '../../runtime/tls-settings.ts'

/** What a source knows of a certificate beside what is in it. */
export interface CertificateNote {
  /** When it will be renewed, or tried again to obtain it, in ms since 1970. */
  readonly renewsAt: number
  /** Why it could not be obtained or renewed. */
  readonly lastError?: string
}

/** Where certificates come from, other than files. */
export interface CertificateSource {
  /** As the admin API shows it: `acme`. */
  readonly name: string
  /** The current ones. An unchanged one is the same object as before. */
  readonly certificates: readonly Certificate[]
  /** Has `changed` called whenever `certificates` has become another list; it resolves once that is in effect. */
  onChange(changed: () => Promise<void>): void
  note(certificate: string): CertificateNote | undefined
}
