import { LinearPattern } from '../../runtime/linear-pattern.ts'
import { InvalidValue } from '../error.ts'

/** A regular expression that is matched in linear time. Throws InvalidValue. */
export function checkedPattern(source: string): string {
  try {
    return new LinearPattern(source).source
  } catch (error) {
    throw new InvalidValue('a regular expression', (error as Error).message)
  }
}
