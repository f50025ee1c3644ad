import { z } from 'zod'
import { written } from '../field.ts'
import { FilePath } from '../file-path.ts'
import { parseHost } from '../host.ts'

/** The schema of an upstream's `tls`. See docs/tls.md. */

export const UpstreamTlsSettings = z
  .strictObject({
    ca: z
      .exactOptional(FilePath)
      .describe(
        'The file with the certificates of the authorities that are trusted, as PEM. Default: those of the system.',
      ),
    serverName: z
      .exactOptional(written(z.string('a host name'), parseHost, (name) => name))
      .describe('The name that servers are asked for, and that their certificates must cover. Default: their host.'),
    verify: z
      .boolean()
      .prefault(true)
      .describe('Whether a server is refused whose certificate is not valid. false: anyone can pose as the server.'),
    cert: z
      .exactOptional(FilePath)
      .describe("The file with Limpet's own certificate, which servers may ask for, as PEM. Default: none."),
    key: z.exactOptional(FilePath).describe('The file with the private key of cert, as PEM.'),
  })
  .check(({ value: { ca, verify, cert, key }, issues }) => {
    const refuse = (path: string, message: string, input: unknown, hint?: string) =>
      issues.push({ code: 'custom', message, path: [path], input, params: { hint } })
    if (cert !== undefined && key === undefined) refuse('cert', 'a key beside it', cert, 'name the file of its key')
    if (key !== undefined && cert === undefined)
      refuse('key', 'a cert beside it', key, 'name the file of its certificate')
    if (ca !== undefined && !verify) refuse('ca', 'no ca, because verify is false', ca, 'leave out one of the two')
  })

export type UpstreamTls = z.output<typeof UpstreamTlsSettings>

const UpstreamTlsSwitch = z.codec(z.literal(true), z.custom<UpstreamTls>(), {
  decode: () => UpstreamTlsSettings.parse({}),
  // The union encodes settings as settings, so zod calls this only for a missing value.
  encode: (held) => (held && true) as true,
})

export const UpstreamTls = z.union([UpstreamTlsSettings, UpstreamTlsSwitch], 'true, or settings such as { ca: ca.pem }')
