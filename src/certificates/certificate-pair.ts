import type { Certificate } from '../runtime/tls-settings.ts'
import { readCertificates } from './certificate-chain.ts'
import { hostsOf } from './certificate-names.ts'
import type { FileContent } from './file-content.ts'
import { readPrivateKey } from './private-key.ts'
import { UnusableFile } from './unusable-file.ts'

/**
 * The certificate that two PEM files hold (or one that holds both).
 *
 * @param name what it is called in the Snapshot
 * @throws UnusableFile if one of them is unusable, or the key is not that of the certificate
 */
export function readPair(name: string, cert: FileContent, key: FileContent): Certificate {
  const { certificates, text } = readCertificates(cert)
  const privateKey = readPrivateKey(key)
  const [leaf] = certificates
  if (!leaf!.checkPrivateKey(privateKey.key)) {
    const isOrder = certificates.some((certificate) => certificate.checkPrivateKey(privateKey.key))
    throw isOrder
      ? new UnusableFile(cert.path, 'expected the certificate of the key first, found it behind others')
      : new UnusableFile(key.path, `expected the key of the certificate in ${cert.path}, found another key`)
  }
  return { name, hosts: hostsOf(leaf!), chain: text, key: privateKey.text, keyType: privateKey.type }
}
