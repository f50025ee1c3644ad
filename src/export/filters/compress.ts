import { directive } from '../directive.ts'
import { when } from '../refusal.ts'
import type { FilterExport, Of } from './filter-export.ts'

/** What nginx always compresses, and does not like to be told. */
const HTML = 'text/html'

/** What `text/*` becomes, since nginx has no wildcards. */
const texts = [
  ...['calendar', 'css', 'csv', 'event-stream', 'javascript', 'markdown', 'plain', 'tab-separated-values', 'vcard'],
  ...['vtt', 'x-component', 'x-yaml', 'xml', 'yaml'],
].map((type) => `text/${type}`)

export const compress: FilterExport<Of<'compress'>> = {
  isOnly: true,
  directives: ({ filter: { types, from, level } }) => {
    const listed = types.flatMap((type) => (type === 'text/*' ? texts : type)).filter((type) => type !== HTML)
    const gzip = [
      directive('gzip', 'on'),
      ...(listed.length === 0 ? [] : [directive('gzip_types', ...new Set(listed))]),
      directive('gzip_min_length', from),
      directive('gzip_comp_level', level),
      directive('gzip_vary', 'on'),
      directive('gzip_proxied', 'any'),
      directive('gzip_http_version', '1.0'),
    ]
    return { response: gzip }
  },
  problems: ({ filter: { codings, types }, path }) => [
    ...when(
      codings.length !== 1 || codings[0] !== 'gzip',
      `${path}.codings`,
      'nginx needs modules of others for zstd and Brotli',
      'write codings: [gzip]',
    ),
    ...when(
      !types.some((type) => type === HTML || type === 'text/*'),
      `${path}.types`,
      'nginx compresses text/html whatever else it compresses',
      'add text/html',
    ),
    ...when(
      types.some((type) => type.endsWith('/*') && type !== 'text/*'),
      `${path}.types`,
      'nginx has no wildcards of media types',
      'list them',
    ),
  ],
}
