/** Text that compresses as that of real applications does: a list of students as JSON, the same each time. */

const FIRST_NAMES = ['Amélie', 'Luca', 'Noah', 'Mia', 'Emma', 'Liam', 'Léa', 'Elias', 'Sofia', 'Leon', 'Nina', 'David']
const LAST_NAMES = ['Rochat', 'Bernasconi', 'Müller', 'Meier', 'Favre', 'Keller', 'Schmid', 'Huber', 'Weber', 'Rossi']
const STUDIES = ['Computer Science', 'Civil Engineering', 'Medicine', 'Law', 'History', 'Physics', 'Economics']

/** @param length in bytes; the last student may be cut off */
export function studentsOf(length: number): Buffer {
  const next = numbers(16)
  const pick = (list: readonly string[]) => list[next(list.length)]!
  const students: string[] = []
  for (let size = 0; size < length; size += students.at(-1)!.length) {
    const student = {
      id: next(1_000_000_000),
      firstName: pick(FIRST_NAMES),
      lastName: pick(LAST_NAMES),
      birthday: `${1995 + next(12)}-0${1 + next(9)}-1${next(9)}`,
      studies: pick(STUDIES),
      credits: next(180),
      email: `${next(2_000_000).toString(36)}@example.org`,
    }
    students.push(JSON.stringify(student))
  }
  return Buffer.from(`[${students.join(',')}]`).subarray(0, length)
}

/** Whole numbers from 0 on, below the limit of each call (Mulberry32). */
function numbers(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
}
