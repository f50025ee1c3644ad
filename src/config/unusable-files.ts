import { readCertificates } from '../certificates/certificate-chain.ts'
import { readPair } from '../certificates/certificate-pair.ts'
import { readFile } from '../certificates/file-content.ts'
import { readTicketKey } from '../certificates/ticket-key.ts'
import { UnusableFile } from '../certificates/unusable-file.ts'
import { readKeySet, readTokenSecret } from '../credentials/key-set.ts'
import { readPasswordFile } from '../credentials/password-file.ts'
import { filterFilesOf } from './filters/credentials.ts'
import type { KeyPath } from './key-path.ts'
import type { Config } from './schema.ts'
import { tlsFilesOf } from './tls-files.ts'
import type { Issue } from './validate.ts'

/** The files that the configuration names, for TLS and for filters, and that cannot be used. */
export function unusableFiles(config: Config): Issue[] {
  const { pairs, authorities, ticketKeys, secrets } = tlsFilesOf(config)
  const { passwords, keySets, tokenSecrets } = filterFilesOf(config)
  return [
    ...pairs.flatMap(({ place, cert, key }) =>
      issuesOf(
        (path) => [...place, path === cert ? 'cert' : 'key'],
        () => readPair(cert, readFile(cert), readFile(key)),
      ),
    ),
    ...authorities.flatMap(({ place, file }) =>
      issuesOf(
        () => place,
        () => readCertificates(readFile(file)),
      ),
    ),
    ...ticketKeys.flatMap(({ place, file }) =>
      issuesOf(
        () => place,
        () => readTicketKey(readFile(file)),
      ),
    ),
    ...secrets.flatMap(({ place, file }) =>
      issuesOf(
        () => place,
        () => readFile(file),
      ),
    ),
    ...[
      { files: passwords, read: readPasswordFile },
      { files: keySets, read: readKeySet },
      { files: tokenSecrets, read: readTokenSecret },
    ].flatMap(({ files, read }) =>
      files.flatMap(({ place, file }) =>
        issuesOf(
          () => place,
          () => read(readFile(file)),
        ),
      ),
    ),
  ]
}

function issuesOf(placeOf: (path: string) => KeyPath, read: () => unknown): Issue[] {
  try {
    read()
    return []
  } catch (error) {
    if (!(error instanceof UnusableFile)) throw error
    const { path, message, hint } = error
    return [{ path: placeOf(path), message: `${path}: ${message}`, hint }]
  }
}
