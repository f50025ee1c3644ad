import { InvalidArgumentError } from 'commander'

/** Parses the value of an option: a whole number. */
export const whole = (least: number, most: number) => (value: string) => {
  const number = Number(value)
  if (Number.isInteger(number) && number >= least && number <= most) return number
  throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`)
}

/** Parses the value of an option: commits, separated by commas. The option may be repeated. */
export const commits = (value: string, before: readonly string[] = []) => [...before, ...value.split(',')]

/** Parses the value of an option: known names, separated by commas. The option may be repeated. */
export const several =
  (known: readonly { readonly name: string }[]) =>
  (value: string, before: readonly string[] = []) => {
    const names = value.split(',')
    const unknown = names.find((name) => !known.some((each) => each.name === name))
    if (unknown === undefined) return [...before, ...names]
    throw new InvalidArgumentError(`There is no ${unknown}, but ${known.map(({ name }) => name).join(', ')}.`)
  }
