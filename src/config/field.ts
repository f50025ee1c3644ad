import { z } from 'zod'
import { countPattern, formatCount, parseCount } from './count.ts'
import { durationPattern, formatDuration, parseDuration, parseDurationUpTo } from './duration.ts'
import { InvalidValue } from './error.ts'
import { aMode, formatMode, modePattern, parseMode } from './mode.ts'
import { formatPercent, parsePercent, percentPattern } from './percent.ts'
import { aRate, formatRate, parseRate, ratePattern } from './rate.ts'
import { formatSize, parseSize, sizePattern } from './size.ts'
import { formatStatusRange, parseStatusRange, statusPattern } from './status-range.ts'

/**
 * The building blocks of the schema. Each is a codec between the form of a value in the file and in the program.
 * `expected` is a phrase that completes "expected …" in an error message.
 */

/** A value with one form in the file and another in the program. `parse` throws InvalidValue for an invalid value. */
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

/** Text that `parse` checks and normalises. */
export const text = (parse: (value: string) => string, expected: string) =>
  written(z.string(expected), parse, (value) => value)

/** Text that matches a pattern. */
export const matching = (pattern: RegExp, expected: string) => z.string(expected).regex(pattern, expected)

/** A whole number from `from` to `to`, both included. */
export const whole = (from: number, to: number) => {
  const expected = `a whole number from ${from} to ${to}`
  return z.int(expected).min(from, expected).max(to, expected)
}

/** A list without repeated entries. */
export function uniqueList<Item extends z.ZodType>(item: Item) {
  return z
    .array(item)
    .min(1, 'at least one')
    .check(({ value: items, issues }) => {
      for (const [index, input] of items.entries()) {
        if (items.indexOf(input) === index) continue
        issues.push({ code: 'custom', message: 'each entry once', path: [index], input })
      }
    })
}

/** Settings in a mapping. The example is shown where something else is found. */
export function settings<Shape extends z.ZodRawShape>(shape: Shape, example: string) {
  // For unknown keys, the error of every schema holds: it lists those that are known.
  return z.strictObject(shape, {
    error: ({ code }) => (code === 'invalid_type' ? `settings such as ${example}` : undefined),
  })
}

/** One item, or a list of them. */
export function oneOrMore<Item extends z.ZodType>(item: Item, expected: string) {
  type Held = z.output<Item>
  const one = z.codec(item, z.array(z.custom<Held>()), {
    decode: (held) => [held as Held],
    encode: ([held]) => held as Held,
  })
  return z.union([uniqueList(item), one], `${expected}, or a list`)
}

const DurationText = notation(
  'Duration',
  durationPattern,
  z.number().meta({ const: 0 }),
  'a duration such as 500ms, 30s, 2m, 1h or 1d',
)

/** In milliseconds. */
export const Duration = written(DurationText, parseDuration, formatDuration)

/** A duration of at least `least` milliseconds. */
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

/** A duration for others, which no timer of ours waits for: in milliseconds, of at most ten years. */
export const LongDuration = written(DurationText, (text) => parseDurationUpTo(text, 3650 * 86_400_000), formatDuration)

/** A duration of at most `most` milliseconds. */
export const durationUpTo = (most: number) =>
  written(
    DurationText,
    (text) => {
      const duration = parseDuration(text)
      if (duration > most) throw new InvalidValue(`a duration of at most ${formatDuration(most)}`)
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

/** In bytes; 0 is no limit. */
export const Size = written(SizeText, parseSize, formatSize)

/** A size from `from` to `to` bytes, both included; never unlimited. */
export const boundedSize = (from: number, to: number) =>
  written(SizeText, (text) => withinBounds(text === 'unlimited' ? Infinity : parseSize(text), from, to), formatBounded)

/** Here, 0 is no bytes. */
function formatBounded(size: number): string {
  return size === 0 ? '0B' : formatSize(size)
}

/** A limit on a number of things; 0 is no limit. */
export const Count = written(
  notation('Count', countPattern, z.number().meta({ minimum: 0, multipleOf: 1 }), 'a whole number, or unlimited'),
  parseCount,
  formatCount,
)

const PercentText = notation('Percent', percentPattern, z.number().meta({ const: 0 }), 'a whole percentage such as 50%')

/** A whole percentage from 0 to `most`. */
export const percentTo = (most: number) => written(PercentText, (text) => parsePercent(text, most), formatPercent)

/** A share per time, in percent in an hour. */
export const Rate = written(
  z.string(aRate).meta({ pattern: ratePattern.source.replaceAll(/\?<\w+>/g, '?:') }),
  parseRate,
  formatRate,
)

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
  // zod also calls this for a missing mode.
  (mode) => (mode === undefined ? mode : formatMode(mode)),
)

/** Text with its own notation. YAML reads bare digits as a number; `bare` is the schema of the numbers that are allowed. */
function notation(id: string, pattern: RegExp, bare: z.ZodNumber, expected: string) {
  const source = pattern.source.replaceAll(/\?<\w+>/g, '?:')
  return z.union([z.string().meta({ pattern: source }), bare], expected).meta({ id, description: expected })
}

function withinBounds(size: number, from: number, to: number): number {
  if (size >= from && size <= to) return size
  throw new InvalidValue(`a size from ${formatBounded(from)} to ${formatBounded(to)}`)
}
