import type { Certificate } from '../runtime/tls-settings.ts'
import { readCertificates } from './certificate-chain.ts'
import { type CertificateFacts, factsOf } from './certificate-facts.ts'
import type { FileContent } from './file-content.ts'
import { readPrivateKey } from './private-key.ts'
import { UnusableFile } from './unusable-file.ts'

/** A certificate with its key, and what is known of them. */
export interface CertificatePair {
  readonly certificate: Certificate
  readonly facts: CertificateFacts
  /** Whether every user of this machine can read the key's file. */
  readonly isKeyPublic: boolean
}

/**
 * The certificate that two PEM files hold (or one that holds both).
 *
 * @param name what it is called in the Snapshot
 * @throws UnusableFile if one of them is unusable, or the key is not that of the certificate
 */
export function readPair(name: string, cert: FileContent, key: FileContent): CertificatePair {
  const { certificates, text } = readCertificates(cert)
  const privateKey = readPrivateKey(key)
  const [leaf] = certificates
  if (!leaf!.checkPrivateKey(privateKey.key)) {
    const isOrder = certificates.some((certificate) => certificate.checkPrivateKey(privateKey.key))
    throw isOrder
      ? new UnusableFile(cert.path, 'expected the certificate of the key first, found it behind others')
      : new UnusableFile(key.path, `expected the key of the certificate in ${cert.path}, found another key`)
  }
  const facts = factsOf(certificates)
  return {
    certificate: { name, hosts: facts.hosts, chain: text, key: privateKey.text, keyType: privateKey.type },
    facts,
    isKeyPublic: key.isPublic,
  }
}
