import { z } from 'zod'
import { boundedSize, matching, uniqueList, whole } from '../field.ts'

/** The media types that are compressed by default. */
export const usualTypes: readonly string[] = [
  'text/*',
  'application/json',
  'application/javascript',
  'application/xml',
  'application/manifest+json',
  'application/ld+json',
  'application/rss+xml',
  'application/atom+xml',
  'application/wasm',
  'application/x-ndjson',
  'application/problem+json',
  'image/svg+xml',
  'font/ttf',
  'font/otf',
]

export const CompressFilter = z
  .strictObject({
    codings: uniqueList(z.enum(['zstd', 'br', 'gzip']))
      .prefault(['zstd', 'br', 'gzip'])
      .describe('The codings, in the order in which they are preferred where a client accepts several equally.'),
    types: uniqueList(matching(/^[a-z0-9.+-]+\/(?:\*|[a-z0-9.+-]+)$/, 'a media type such as text/html or text/*'))
      .prefault([...usualTypes])
      .describe('The media types of the answers that are compressed.'),
    from: boundedSize(0, 1_000_000_000)
      .prefault('1kB')
      .describe('Bodies that are known to be shorter pass as they are.'),
    level: whole(1, 9).prefault(4).describe('From 1, the fastest, to 9, the smallest.'),
  })
  .describe('Compresses the bodies of answers for clients that accept it.')
