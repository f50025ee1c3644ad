import { z } from 'zod'
import { accessLogFields } from '../runtime/access-log-field.ts'
import { matching, uniqueList } from './field.ts'

export const AccessLogFormat = z.enum(['combined', 'vhost', 'json', 'off'])

/** A decoded name. It has no `=` and no control character, which end a name in a URL. */
export const ParameterName = matching(/^[^=\p{Cc}]+$/u, 'the name of a parameter, decoded')

export const AccessLogSettings = z.strictObject({
  format: AccessLogFormat.prefault('combined').describe(
    'combined: one line of text per request. vhost: also the names of the host, upstream and server. json: one object per request. off: none.',
  ),
  redact: z
    .exactOptional(uniqueList(ParameterName))
    .describe('URL parameters whose values are not logged. Names are case-insensitive. Default: none.'),
  fields: z
    .exactOptional(uniqueList(z.enum(accessLogFields)))
    .describe('The fields of json, in this order. Default: see docs/access-log.md.'),
  file: z
    .exactOptional(z.string().min(1, 'the path of a file'))
    .describe('The path of the log file. Default: standard output.'),
})

export const AccessLogByFormat = z.codec(AccessLogFormat, z.custom<z.output<typeof AccessLogSettings>>(), {
  decode: (format) => ({ format }),
  encode: ({ format }) => format,
})
