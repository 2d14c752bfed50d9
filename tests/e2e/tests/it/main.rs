//! Clusters from nothing to nothing.

#[cfg(test)]
mod application;
#[cfg(test)]
mod archives;
#[cfg(test)]
mod cut_short;
#[cfg(test)]
mod ground;
#[cfg(test)]
mod images;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod side_by_side;
#[cfg(test)]
mod web;
