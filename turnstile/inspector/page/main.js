// The page: shows what the part of its address behind `#` names.
