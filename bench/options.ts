import { InvalidArgumentError } from 'commander'

/** Parses an option: a whole number. */
export const whole = (least: number, most: number) => (value: string) => {
  const number = Number(value)
  if (Number.isInteger(number) && number >= least && number <= most) return number
  throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`)
}

/** Parses an option: names of known things, separated by commas. It may be given several times. */
export const several =
  (known: readonly { readonly name: string }[]) =>
  (value: string, before: readonly string[] = []) => {
    const names = value.split(',')
    const stranger = names.find((name) => !known.some((each) => each.name === name))
    if (stranger === undefined) return [...before, ...names]
    throw new InvalidArgumentError(`There is no ${stranger}, but ${known.map(({ name }) => name).join(', ')}.`)
  }
