;; Scores rows of half bytes against one query. Built as kernel.ts says.
(module
  (import "limner" "memory" (memory 1 65536 shared))

  ;; A row of half bytes: for each 32 values 16 bytes, whose lower halves are the first sixteen values and whose upper halves
  ;; are the others, each from 0 to 15. A query: `2 * width` int8.
  ;;
  ;; The dot product is a relaxed instruction, whose result is defined since its second factors have seven bits at most and
  ;; no sum of two products leaves 16 bits (128 * 15 * 2).
  (func $sum (param $lanes v128) (result i32)
    (i32.add
      (i32.add (i32x4.extract_lane 0 (local.get $lanes)) (i32x4.extract_lane 1 (local.get $lanes)))
      (i32.add (i32x4.extract_lane 2 (local.get $lanes)) (i32x4.extract_lane 3 (local.get $lanes)))))

  ;; The dot product of one row.
  (func (export "dot") (param $query i32) (param $row i32) (param $width i32) (result i32)
    (local $end i32) (local $x v128) (local $a v128) (local $b v128) (local $lower v128)
    (local.set $lower (i8x16.splat (i32.const 15)))
    (local.set $end (i32.add (local.get $row) (local.get $width)))
    (loop $step
      (local.set $x (v128.load (local.get $row)))
      (local.set $a (i32x4.relaxed_dot_i8x16_i7x16_add_s
        (v128.load (local.get $query)) (v128.and (local.get $x) (local.get $lower)) (local.get $a)))
      (local.set $b (i32x4.relaxed_dot_i8x16_i7x16_add_s
        (v128.load offset=16 (local.get $query)) (i8x16.shr_u (local.get $x) (i32.const 4)) (local.get $b)))
      (local.set $query (i32.add (local.get $query) (i32.const 32)))
      (br_if $step (i32.lt_u (local.tee $row (i32.add (local.get $row) (i32.const 16))) (local.get $end))))
    (call $sum (i32x4.add (local.get $a) (local.get $b))))

  (func $put (param $scores i32) (param $mask i32) (param $scales i32) (param $lanes v128) (param $offset f32)
    (f32.store (local.get $scores)
      (select
        (f32.mul (f32.load (local.get $scales))
          (f32.add (f32.convert_i32_s (call $sum (local.get $lanes))) (local.get $offset)))
        (f32.const -inf)
        (i32.load8_u (local.get $mask)))))

  (func $anyOfFour (param $mask i32) (param $quarter i32) (result i32)
    (i32.or
      (i32.or (i32.load8_u (local.get $mask)) (i32.load8_u (i32.add (local.get $mask) (local.get $quarter))))
      (i32.or
        (i32.load8_u (i32.add (local.get $mask) (i32.mul (local.get $quarter) (i32.const 2))))
        (i32.load8_u (i32.add (local.get $mask) (i32.mul (local.get $quarter) (i32.const 3)))))))

  ;; rows:   `count` rows of `width` bytes; count is a multiple of 4
  ;; scales: `count` float32
  ;; mask:   `count` bytes, 0 = leave out
  ;; scores: `count` float32, written: (dot(query, row) + offset) * scale, or -infinity where masked out
  ;;
  ;; Four rows are read at a time, one of each quarter: four streams bring more bytes a second than one, and what is read of
  ;; the query serves four rows.
  (func (export "scan")
    (param $query i32) (param $rows i32) (param $scales i32) (param $mask i32)
    (param $scores i32) (param $count i32) (param $width i32) (param $offset f32)
    (local $rows1 i32) (local $rows2 i32) (local $rows3 i32)
    (local $quarter i32) (local $words i32) (local $next i32) (local $q i32) (local $end i32)
    (local $left v128) (local $right v128) (local $x v128) (local $lower v128)
    (local $a0 v128) (local $b0 v128) (local $a1 v128) (local $b1 v128)
    (local $a2 v128) (local $b2 v128) (local $a3 v128) (local $b3 v128)
    (local.set $lower (i8x16.splat (i32.const 15)))
    (local.set $quarter (i32.shr_u (local.get $count) (i32.const 2)))
    (local.set $words (i32.shl (local.get $quarter) (i32.const 2)))
    (local.set $next (i32.mul (local.get $quarter) (local.get $width)))
    (local.set $rows1 (i32.add (local.get $rows) (local.get $next)))
    (local.set $rows2 (i32.add (local.get $rows1) (local.get $next)))
    (local.set $rows3 (i32.add (local.get $rows2) (local.get $next)))
    (local.set $count (local.get $quarter))
    (block $done
      (loop $four
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $a0 (v128.const i32x4 0 0 0 0)) (local.set $b0 (v128.const i32x4 0 0 0 0))
        (local.set $a1 (v128.const i32x4 0 0 0 0)) (local.set $b1 (v128.const i32x4 0 0 0 0))
        (local.set $a2 (v128.const i32x4 0 0 0 0)) (local.set $b2 (v128.const i32x4 0 0 0 0))
        (local.set $a3 (v128.const i32x4 0 0 0 0)) (local.set $b3 (v128.const i32x4 0 0 0 0))
        (local.set $end (i32.add (local.get $rows) (local.get $width)))
        (if (call $anyOfFour (local.get $mask) (local.get $quarter))
          (then
            (local.set $q (local.get $query))
            (loop $step
              (local.set $left (v128.load (local.get $q)))
              (local.set $right (v128.load offset=16 (local.get $q)))
              (local.set $q (i32.add (local.get $q) (i32.const 32)))
              (local.set $x (v128.load (local.get $rows)))
              (local.set $a0 (i32x4.relaxed_dot_i8x16_i7x16_add_s
                (local.get $left) (v128.and (local.get $x) (local.get $lower)) (local.get $a0)))
              (local.set $b0 (i32x4.relaxed_dot_i8x16_i7x16_add_s
                (local.get $right) (i8x16.shr_u (local.get $x) (i32.const 4)) (local.get $b0)))
              (local.set $x (v128.load (local.get $rows1)))
              (local.set $a1 (i32x4.relaxed_dot_i8x16_i7x16_add_s
                (local.get $left) (v128.and (local.get $x) (local.get $lower)) (local.get $a1)))
              (local.set $b1 (i32x4.relaxed_dot_i8x16_i7x16_add_s
                (local.get $right) (i8x16.shr_u (local.get $x) (i32.const 4)) (local.get $b1)))
              (local.set $rows1 (i32.add (local.get $rows1) (i32.const 16)))
              (local.set $x (v128.load (local.get $rows2)))
              (local.set $a2 (i32x4.relaxed_dot_i8x16_i7x16_add_s
                (local.get $left) (v128.and (local.get $x) (local.get $lower)) (local.get $a2)))
              (local.set $b2 (i32x4.relaxed_dot_i8x16_i7x16_add_s
                (local.get $right) (i8x16.shr_u (local.get $x) (i32.const 4)) (local.get $b2)))
              (local.set $rows2 (i32.add (local.get $rows2) (i32.const 16)))
              (local.set $x (v128.load (local.get $rows3)))
              (local.set $a3 (i32x4.relaxed_dot_i8x16_i7x16_add_s
                (local.get $left) (v128.and (local.get $x) (local.get $lower)) (local.get $a3)))
              (local.set $b3 (i32x4.relaxed_dot_i8x16_i7x16_add_s
                (local.get $right) (i8x16.shr_u (local.get $x) (i32.const 4)) (local.get $b3)))
              (local.set $rows3 (i32.add (local.get $rows3) (i32.const 16)))
              (br_if $step (i32.lt_u
                (local.tee $rows (i32.add (local.get $rows) (i32.const 16))) (local.get $end)))))
          (else
            (local.set $rows (local.get $end))
            (local.set $rows1 (i32.add (local.get $rows1) (local.get $width)))
            (local.set $rows2 (i32.add (local.get $rows2) (local.get $width)))
            (local.set $rows3 (i32.add (local.get $rows3) (local.get $width)))))
        (call $put (local.get $scores) (local.get $mask)
          (local.get $scales) (i32x4.add (local.get $a0) (local.get $b0)) (local.get $offset))
        (call $put (i32.add (local.get $scores) (local.get $words)) (i32.add (local.get $mask) (local.get $quarter))
          (i32.add (local.get $scales) (local.get $words)) (i32x4.add (local.get $a1) (local.get $b1)) (local.get $offset))
        (call $put (i32.add (local.get $scores) (i32.mul (local.get $words) (i32.const 2))) (i32.add (local.get $mask) (i32.mul (local.get $quarter) (i32.const 2)))
          (i32.add (local.get $scales) (i32.mul (local.get $words) (i32.const 2))) (i32x4.add (local.get $a2) (local.get $b2)) (local.get $offset))
        (call $put (i32.add (local.get $scores) (i32.mul (local.get $words) (i32.const 3))) (i32.add (local.get $mask) (i32.mul (local.get $quarter) (i32.const 3)))
          (i32.add (local.get $scales) (i32.mul (local.get $words) (i32.const 3))) (i32x4.add (local.get $a3) (local.get $b3)) (local.get $offset))
        (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
        (local.set $scores (i32.add (local.get $scores) (i32.const 4)))
        (local.set $mask (i32.add (local.get $mask) (i32.const 1)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $four)))))
