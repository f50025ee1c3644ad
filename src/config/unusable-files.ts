import { readCertificates } from '../certificates/certificate-chain.ts'
import { readPair } from '../certificates/certificate-pair.ts'
import { isThere, readFile } from '../certificates/file-content.ts'
import { readTicketKey } from '../certificates/ticket-key.ts'
import { UnusableFile } from '../certificates/unusable-file.ts'
import { readKeySet, readTokenSecret } from '../credentials/key-set.ts'
import { readPasswordFile } from '../credentials/password-file.ts'
import { filterFilesOf } from './filters/filter-files.ts'
import { readPageFile } from './filters/page-file.ts'
import type { KeyPath } from './key-path.ts'
import type { Config } from './schema.ts'
import { tlsFilesOf } from './tls-files.ts'
import type { Issue } from './validate.ts'

/** The files that the configuration names, for TLS and for filters, and that cannot be used. */
export function unusableFiles(config: Config): Issue[] {
  const { pairs, authorities, ticketKeys, secrets } = tlsFilesOf(config)
  const { passwords, keySets, tokenSecrets, pages, switches } = filterFilesOf(config)
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
      { files: passwords, read: (file: string) => readPasswordFile(readFile(file)) },
      { files: keySets, read: (file: string) => readKeySet(readFile(file)) },
      { files: tokenSecrets, read: (file: string) => readTokenSecret(readFile(file)) },
      { files: pages, read: (file: string) => readPageFile(readFile(file)) },
      { files: switches, read: isThere },
    ].flatMap(({ files, read }) =>
      files.flatMap(({ place, file }) =>
        issuesOf(
          () => place,
          () => read(file),
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
