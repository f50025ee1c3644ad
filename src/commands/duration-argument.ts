import { InvalidArgumentError, Option } from 'commander'
import { formatDuration, parseDuration } from '../config/duration.ts'
import { InvalidValue } from '../config/error.ts'

/** Reads the value of an option that is a duration, such as `30s`, and writes it as the admin API does. */
export function durationText(value: string): string {
  return formatDuration(milliseconds(value))
}

/** The same for a duration that cannot be 0, which elsewhere means no limit. */
export function someTime(value: string): string {
  if (milliseconds(value) === 0) throw new InvalidArgumentError('Expected a duration of more than 0.')
  return durationText(value)
}

/** Reads the value of an option that is a duration, in ms. */
function milliseconds(value: string): number {
  try {
    return parseDuration(value)
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error
    throw new InvalidArgumentError(`Expected ${error.expected}${error.hint === undefined ? '' : ` (${error.hint})`}.`)
  }
}

/** `--timeout`, which is a minute. Its value is in ms. */
export function timeoutOption(description: string): Option {
  return new Option('--timeout <duration>', description).argParser(milliseconds).default(60_000, '1m')
}
