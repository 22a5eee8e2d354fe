//! Proof-check the multi-view theory of ensembles and distillation by running it.
//!
//! Allen-Zhu and Li ([arXiv 2012.09816](https://arxiv.org/abs/2012.09816)) explain why an ensemble
//! of independently initialised networks beats each of its members, why its accuracy can be
//! distilled into one network, and why self-distillation helps. Data have several *views*. Each
//! network learns one view of each class, by a lottery at initialisation. Soft labels carry the
//! views it missed. Their bounds hold "for sufficiently large `k`". This crate trains the networks
//! the theory speaks of, at finite size, over many independent *worlds* (a data set and its
//! initialisations), and decides each bound: **confirmed**, **refuted** or **undecided**.
//!
//! # A tour
//!
//! A [`Regime`](regime::Regime) holds every parameter of a world, under its usual name; the paper's
//! symbol stands in its documentation. Theorem files are the usual source of one:
//!
//! ```
//! use multiview::theorem::Theorem;
//!
//! let theorem = Theorem::embedded("single-model").expect("shipped with the crate");
//! let mut regime = theorem.regime;
//! regime.data.classes = 12;
//! regime.data.single_view_share = 0.1;
//! regime.validate()?;
//! assert_eq!(regime.data.sample_count(), 198); // N = ⌈k^1.2 / μ⌉
//!
//! regime.data.weak_weight = 0.9; // ρ must stay below Γ
//! let refused = regime.validate().unwrap_err();
//! assert_eq!(refused.field, "data.weak_weight");
//! # Ok::<(), multiview::field::FieldError>(())
//! ```
//!
//! Training a network draws the data and the initialisation from a seed, and ends in a
//! [`Trained`](engine::state::Trained) network:
//!
//! ```
//! use multiview::procedure::{World, largest_overlaps};
//! use multiview::seed::WorldSeed;
//! # use multiview::theorem::Theorem;
//! # let theorem = Theorem::embedded("single-model").unwrap();
//! # let (mut regime, procedure) = (theorem.regime, theorem.procedure);
//! # regime.data.classes = 12;
//! # regime.data.single_view_share = 0.1;
//! # regime.training.steps = 2_000.into();
//! # regime.network.init_scale = (0.01 * regime.network.relu_threshold).into();
//!
//! let seed = WorldSeed { experiment: 1, world: 0 };
//! let world = World::new(&regime, procedure.test_draws, seed);
//! let network = world.train_alone(world.initial(0), None);
//!
//! // Each class has learned one of its two views far better than the other: the lottery.
//! let overlaps = largest_overlaps(&regime, &network.features);
//! let lopsided = overlaps.chunks(2).filter(|view| view[0].min(view[1]) < 0.5 * view[0].max(view[1]));
//! assert!(lopsided.count() > 6);
//! ```
//!
//! A claim is watched world by world with time-uniform confidence, so that looking after every
//! world costs no confidence:
//!
//! ```
//! use multiview::statistics::{Band, Method, Sequence, Verdict};
//!
//! let claim = Band { lower: Some(0.49), upper: Some(0.51) };
//! let method = Method::Asymptotic { scale: 0.003, minimum_worlds: 10 };
//! let mut sequence = Sequence::new(method, claim, 0.05, 60)?;
//! for world in 0..20 {
//!     sequence.observe(0.497 + 0.002 * f64::from(world % 3))?; // one world's test error / μ
//! }
//! assert_eq!(sequence.verdict(), Verdict::Confirmed);
//! # Ok::<(), multiview::field::FieldError>(())
//! ```
//!
//! [`verify::Plan`] does all of this for theorem files, keeps the record and makes the report; the
//! program `multiview` is its command line.
//!
//! # Where things are
//!
//! Data flow one way:
//!
//! | module | holds |
//! |---|---|
//! | [`regime`] | every parameter, its symbol, its allowed range |
//! | [`data`] | the distribution `D` (Definition 3.1) and the training set `Z` |
//! | [`network`], [`objective`] | smoothed ReLU; cross-entropy, tempered logits and the distillation pushes |
//! | [`engine`] | gradient descent: [`dense`](engine::dense) in `R^d`; its limit `d → ∞`, written out ([`reference`](engine::reference)) and at the cost of the classes present ([`sparse`](engine::sparse)) |
//! | [`evaluation`] | errors by (class, view), computed within stated bounds, and sampled where these are apart |
//! | [`procedure`] | what a world trains (single models, ensemble, students), once for all that ask for it; its lotteries and the quantities measured |
//! | [`random_features`] | read-outs over features that are never trained |
//! | [`order`] | the orders in which the paper finds its models, and how their signs are read |
//! | [`no_views`] | networks on Gaussian inputs that a teacher labels |
//! | [`statistics`] | intervals, confidence sequences, verdicts, the error budget |
//! | [`allocation`] | a total of worlds, dealt out where a verdict is near |
//! | [`theorem`], [`record`], [`verify`] | theorem files, the append-only record, and deciding |
//! | [`prediction`] | the theory's estimates for a regime before anything is trained |
//! | [`explore`] | sweeps: which claims hold where in parameter space |
//! | [`shard`] | part `I` of `N` of a run, under any launcher |
//! | [`export`] | a record as flat tables |
//! | [`arrays`] | one world as plain arrays, for an independent check in another language |
//! | [`report`], [`figure`] | pages, pictures and tables, all a function of the records |
//! | [`printable`] | text from outside, made fit for the place where it is shown |
//! | [`seed`], [`real`] | random streams by (seed, world, purpose, index); `f32` and `f64`, eight at a time |

pub mod allocation;
pub mod arrays;
pub mod data;
mod digest;
pub mod engine;
pub mod evaluation;
pub mod explore;
pub mod export;
pub mod field;
pub mod figure;
pub mod network;
pub mod no_views;
mod normals;
pub mod objective;
pub mod order;
pub mod prediction;
pub mod printable;
pub mod procedure;
pub mod random_features;
pub mod real;
pub mod record;
pub mod regime;
pub mod report;
pub mod rows;
pub mod seed;
pub mod shard;
pub mod statistics;
pub mod theorem;
pub mod verify;
