import { z } from 'zod'

const anyValue = 'a value in quotes, or true for any'

/** From the names of query parameters or cookies to the values that they must have; true: any. */
export const RequiredValues = z.record(
  z.string().min(1, 'a name'),
  z.union([z.string(), z.literal(true, anyValue)], anyValue),
)
