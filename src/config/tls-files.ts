import { resolve as resolvePath } from 'node:path'
import type { Filter } from './filter.ts'
import { filterWithFiles } from './filters/filter-files.ts'
import type { KeyPath } from './key-path.ts'
import type { Config } from './schema.ts'
import { discoveryWithFiles, sourceWithFiles, tlsWithFiles } from './sources/source-files.ts'
import type { Acme } from './tls/acme.ts'
import type { CertificateFiles } from './tls/listener-tls.ts'

export interface PairFiles extends CertificateFiles {
  readonly place: KeyPath
  readonly of: 'listener' | 'upstream'
}

/** The files that the `tls` of listeners and upstreams name, each with its place in the configuration. */
export interface TlsFiles {
  /** A certificate and its key; their places are the keys `cert` and `key` below this one. */
  readonly pairs: readonly PairFiles[]
  /** Certificates of authorities. */
  readonly authorities: readonly { readonly place: KeyPath; readonly file: string }[]
  readonly ticketKeys: readonly { readonly place: KeyPath; readonly file: string }[]
  /** Secrets that are read as they are. */
  readonly secrets: readonly { readonly place: KeyPath; readonly file: string }[]
}

export function tlsFilesOf({ listeners, upstreams }: Pick<Config, 'listeners' | 'upstreams'>): TlsFiles {
  const ofListeners = listeners.flatMap(({ tls }, index) => (tls === undefined ? [] : [{ index, tls }]))
  const ofUpstreams = upstreams.flatMap(({ name, tls }) => (tls === undefined ? [] : [{ name, tls }]))
  return {
    pairs: [
      ...ofListeners.flatMap(({ index, tls }) =>
        (tls.certificates ?? []).map((pair, at): PairFiles => {
          return { of: 'listener', place: ['listeners', index, 'tls', 'certificates', at], ...pair }
        }),
      ),
      ...ofUpstreams.flatMap(({ name, tls: { cert, key } }): PairFiles[] =>
        cert === undefined || key === undefined
          ? []
          : [{ of: 'upstream', place: ['upstreams', name, 'tls'], cert, key }],
      ),
    ],
    authorities: [
      ...ofListeners.flatMap(({ index, tls: { clientCertificates } }) =>
        clientCertificates === undefined
          ? []
          : [{ place: ['listeners', index, 'tls', 'clientCertificates', 'ca'], file: clientCertificates.ca }],
      ),
      ...ofListeners.flatMap(({ index, tls: { acme } }) => {
        const place = ['listeners', index, 'tls', 'acme'] as const
        return [
          ...(acme?.ca === undefined ? [] : [{ place: [...place, 'ca'], file: acme.ca }]),
          ...(acme?.fallback?.ca === undefined
            ? []
            : [{ place: [...place, 'fallback', 'ca'], file: acme.fallback.ca }]),
        ]
      }),
      ...ofUpstreams.flatMap(({ name, tls: { ca } }) =>
        ca === undefined ? [] : [{ place: ['upstreams', name, 'tls', 'ca'], file: ca }],
      ),
    ],
    ticketKeys: ofListeners.flatMap(({ index, tls: { ticketKeys } }) =>
      ticketKeys === undefined ? [] : [{ place: ['listeners', index, 'tls', 'ticketKeys'], file: ticketKeys }],
    ),
    secrets: ofListeners.flatMap(({ index, tls: { acme } }) =>
      [acme, acme?.fallback].flatMap((each, at) => {
        const file = each?.externalAccount?.keyFile
        const place = [
          'listeners',
          index,
          'tls',
          'acme',
          ...(at === 0 ? [] : ['fallback']),
          'externalAccount',
          'keyFile',
        ]
        return file === undefined ? [] : [{ place, file }]
      }),
    ),
  }
}

/** The configuration with absolute paths of all files that are read; relative ones are relative to the directory. */
export function withFilesIn(config: Config, directory: string): Config {
  const absolute = (file: string) => resolvePath(directory, file)
  const filtersIn = <Part extends { filters?: Filter[] }>(part: Part): Part =>
    part.filters === undefined
      ? part
      : { ...part, filters: part.filters.map((each) => filterWithFiles(each, absolute)) }
  return {
    ...config,
    routes: config.routes.map(filtersIn),
    ...(config.defaults && { defaults: filtersIn(config.defaults) }),
    listeners: config.listeners.map((listener) => {
      const { tls } = listener
      if (tls === undefined) return listener
      const { certificates, acme, clientCertificates, ticketKeys } = tls
      return {
        ...listener,
        tls: {
          ...tls,
          ...(certificates && {
            certificates: certificates.map(({ cert, key }) => ({ cert: absolute(cert), key: absolute(key) })),
          }),
          ...(acme && { acme: acmeWithFilesIn(acme, absolute) }),
          ...(clientCertificates && {
            clientCertificates: { ...clientCertificates, ca: absolute(clientCertificates.ca) },
          }),
          ...(ticketKeys !== undefined && { ticketKeys: absolute(ticketKeys) }),
        },
      }
    }),
    upstreams: config.upstreams.map(({ tls, sources, ...upstream }) => ({
      ...upstream,
      ...(tls && { tls: tlsWithFiles(tls, absolute) }),
      sources: sources.map((source) => sourceWithFiles(source, absolute)),
    })),
    ...(config.discovery && { discovery: discoveryWithFiles(config.discovery, absolute) }),
  }
}

function acmeWithFilesIn({ fallback, ...acme }: Acme, absolute: (file: string) => string): Acme {
  const withFiles = <Authority extends Pick<Acme, 'ca' | 'externalAccount'>>(authority: Authority): Authority => {
    const { ca, externalAccount } = authority
    const keyFile = externalAccount?.keyFile
    return {
      ...authority,
      ...(ca !== undefined && { ca: absolute(ca) }),
      ...(keyFile !== undefined && { externalAccount: { ...externalAccount, keyFile: absolute(keyFile) } }),
    }
  }
  return { ...withFiles(acme), ...(fallback && { fallback: withFiles(fallback) }) }
}
