import { z } from 'zod'
import { countPattern, formatCount, parseCount } from './count.ts'
import { durationPattern, formatDuration, parseDuration } from './duration.ts'
import { InvalidValue } from './error.ts'
import { aMode, formatMode, modePattern, parseMode } from './mode.ts'
import { formatPercent, parsePercent, percentPattern } from './percent.ts'
import { formatSize, parseSize, sizePattern } from './size.ts'
import { formatStatusRange, parseStatusRange, statusPattern } from './status-range.ts'

/**
 * The kinds of values that the schema is made of. Each is a codec, from what the file says to what the program holds
 * and back. An `expected` is a phrase that continues "expected …" in an error.
 */

/** A value written one way in the file and held another way in the program; `parse` refuses by InvalidValue. */
export function written<File, Held>(
  file: z.ZodType<File, File>,
  parse: (value: File) => Held,
  format: (held: Held) => File,
) {
  return z.codec(file, z.custom<Held>(), {
    decode: (value, context) => {
      try {
        return parse(value)
      } catch (error) {
        if (!(error instanceof InvalidValue)) throw error
        context.issues.push({ code: 'custom', message: error.expected, params: { hint: error.hint }, input: value })
        return z.NEVER
      }
    },
    encode: format,
  })
}

/** Text that `parse` accepts or brings into its one form. */
export const text = (parse: (value: string) => string, expected: string) =>
  written(z.string(expected), parse, (value) => value)

/** Text of one form. */
export const matching = (pattern: RegExp, expected: string) => z.string(expected).regex(pattern, expected)

/** A whole number within bounds, both included. */
export const whole = (from: number, to: number) => {
  const expected = `a whole number from ${from} to ${to}`
  return z.int(expected).min(from, expected).max(to, expected)
}

/** A list that says nothing twice. */
export function differing<Item extends z.ZodType>(item: Item) {
  return z
    .array(item)
    .min(1, 'at least one')
    .check(({ value: items, issues }) => {
      for (const [index, input] of items.entries()) {
        if (items.indexOf(input) === index) continue
        issues.push({ code: 'custom', message: 'an entry that is not in the list yet', path: [index], input })
      }
    })
}

/** One item, or a list of them. */
export function oneOrMore<Item extends z.ZodType>(item: Item, expected: string) {
  type Held = z.output<Item>
  const one = z.codec(item, z.array(z.custom<Held>()), {
    decode: (held) => [held as Held],
    encode: ([held]) => held as Held,
  })
  return z.union([differing(item), one], `${expected}, or a list`)
}

const DurationText = notation(
  'Duration',
  durationPattern,
  z.number().meta({ const: 0 }),
  'a duration such as 500ms, 30s, 2m, 1h or 1d',
)

/** Held in milliseconds. */
export const Duration = written(DurationText, parseDuration, formatDuration)

/** A duration of at least that many milliseconds. */
export const durationFrom = (least: number) =>
  written(
    DurationText,
    (text) => {
      const duration = parseDuration(text)
      if (duration < least) throw new InvalidValue(`a duration of at least ${formatDuration(least)}`)
      return duration
    },
    formatDuration,
  )

const SizeText = notation(
  'Size',
  sizePattern,
  z.number().meta({ const: 0 }),
  'a size such as 512B, 32kB, 64KiB or 10MB, or unlimited',
)

/** Held in bytes, 0 for no limit. */
export const Size = written(SizeText, parseSize, formatSize)

/** A size within bounds, both included and in bytes: never unlimited. */
export const boundedSize = (from: number, to: number) =>
  written(SizeText, (text) => withinBounds(parseSize(text), from, to), formatSize)

/** A limit on a number of things, 0 for none. */
export const Count = written(
  notation('Count', countPattern, z.number().meta({ minimum: 0, multipleOf: 1 }), 'a whole number, or unlimited'),
  parseCount,
  formatCount,
)

const PercentText = notation('Percent', percentPattern, z.number().meta({ const: 0 }), 'whole percents such as 50%')

/** Held as whole percents, from 0 to `most`. */
export const percentTo = (most: number) => written(PercentText, (text) => parsePercent(text, most), formatPercent)

/** Statuses of responses. */
export const StatusRange = written(
  notation(
    'StatusRange',
    statusPattern,
    z.number().meta({ minimum: 200, maximum: 599, multipleOf: 1 }),
    'a status such as 200, 200-299 or 2xx',
  ),
  parseStatusRange,
  formatStatusRange,
)

/** The permissions of a file. */
export const Mode = written(
  notation('Mode', modePattern, z.number().meta({ minimum: 200, maximum: 777, multipleOf: 1 }), aMode),
  parseMode,
  // Of a mode that is left out, too, zod asks how it is written.
  (mode) => (mode === undefined ? mode : formatMode(mode)),
)

/** Text of a notation of its own. YAML reads bare digits as a number, so that `bare` says which of these it allows. */
function notation(id: string, pattern: RegExp, bare: z.ZodNumber, expected: string) {
  const source = pattern.source.replaceAll(/\?<\w+>/g, '?:')
  return z.union([z.string().meta({ pattern: source }), bare], expected).meta({ id, description: expected })
}

function withinBounds(size: number, from: number, to: number): number {
  if (size >= from && size <= to) return size
  throw new InvalidValue(`a size from ${formatSize(from)} to ${formatSize(to)}`)
}
